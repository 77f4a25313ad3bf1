package enforce

import (
	"fmt"
	"os"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	kernel "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// What Landlock has to be for each part: versions of its interface.
const (
	abiFiles = 3 // with truncate(2)
	abiPorts = 4
	abiIoctl = 5
)

// Confine puts this process, and all that it starts, into a Landlock domain, for good.
// The domain is one for each thread: only after an exec is it the same for all. missing
// are sentences about what the kernel lacks; bestEffort goes on without.
func Confine(a Access, bestEffort bool) (missing []string, err error) {
	abi, err := kernel.LandlockGetABIVersion()
	if err != nil {
		abi = 0
	}
	ports := a.Ports() != Ports{}
	if abi < abiFiles {
		missing = append(missing, fmt.Sprintf("Landlock is at version %d and %d is needed: files can be read and written wherever the user may", abi, abiFiles))
	}
	if ports && abi < abiPorts {
		missing = append(missing, fmt.Sprintf("Landlock is at version %d and %d is needed for ports: any can be used", abi, abiPorts))
	}
	if len(missing) > 0 && !bestEffort {
		return missing, fmt.Errorf("%w: %s", ErrMissing, strings.Join(missing, "; "))
	}
	if abi >= abiPorts && ports {
		if err := confinePorts(a); err != nil {
			return missing, err
		}
	}
	if abi < abiFiles {
		return missing, nil
	}
	c := landlock.V3
	if abi >= abiIoctl {
		c = landlock.V5
	}
	return missing, c.RestrictPaths(rules(a)...)
}

// rules are those for paths, of which some may not be there.
func rules(a Access) []landlock.Rule {
	list := []landlock.Rule{
		landlock.RODirs("/dev").IgnoreIfMissing(),
		landlock.RWFiles("/dev").WithIoctlDev().IgnoreIfMissing(), // who may use a device is its mode's to say
		landlock.RWDirs("/dev/shm").IgnoreIfMissing(),
	}
	for _, p := range a.Read {
		if info, err := os.Stat(p); err == nil && !info.IsDir() {
			list = append(list, landlock.ROFiles(p).IgnoreIfMissing())
		} else {
			list = append(list, landlock.RODirs(p).IgnoreIfMissing())
		}
	}
	for _, p := range a.Write {
		list = append(list, landlock.RWDirs(p).WithRefer().IgnoreIfMissing())
	}
	return list
}

func confinePorts(a Access) error {
	var handled landlock.AccessNetSet
	var list []landlock.Rule
	if a.Connect != nil {
		handled |= kernel.AccessNetConnectTCP
	}
	if a.Bind != nil {
		handled |= kernel.AccessNetBindTCP
	}
	for _, p := range a.Connect {
		list = append(list, landlock.ConnectTCP(p))
	}
	for _, p := range a.Bind {
		list = append(list, landlock.BindTCP(p))
	}
	c, err := landlock.NewConfig(handled)
	if err != nil {
		return err
	}
	return c.RestrictNet(list...)
}
