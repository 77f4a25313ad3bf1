package opbuild

import (
	"context"
	"crypto/sha256"
	_ "embed" // the source of the device
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/andiron-dev/andiron/internal/child"
)

//go:embed device/tripwire.cpp
var tripwire []byte

// Tripwire builds the library that makes PrivateUse1 a device whose tensors lie on
// pages that the host cannot touch. torch.ops.load_library loads it;
// torch.ops.andiron_tripwire.tensor(size, stride, dtype) makes one, and .arm() has it
// say so on standard error when one is touched; .untraced() makes exceptions cheap. The library is kept in the user's
// cache for each version of torch and of the compiler.
func Tripwire(ctx context.Context, o Options) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	f, err := ask(ctx, o.Python)
	if err != nil {
		return "", err
	}
	t, err := findCompiler(ctx)
	if err != nil {
		return "", err
	}
	home, err := os.UserCacheDir()
	if err != nil {
		home = o.Work // then it is built each time
	}
	dir := filepath.Join(home, "andiron", "tripwire")
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\n%+v\n%s\n%s", tripwire, f, t.version, runtime.GOARCH)))
	name := filepath.Join(dir, hex.EncodeToString(sum[:8])+".so")
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return name, t.compileTripwire(ctx, f, o, name)
}

func (t toolchain) compileTripwire(ctx context.Context, f facts, o Options, name string) error {
	dir, err := os.MkdirTemp(filepath.Dir(name), "build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is of no use
	source, made := filepath.Join(dir, "tripwire.cpp"), filepath.Join(dir, "tripwire.so")
	if err := os.WriteFile(source, tripwire, 0o600); err != nil {
		return err
	}
	args := []string{f.standard(), "-O1", "-g1", "-shared", "-fPIC", "-w", "-o", made, source}
	if !f.NewABI {
		args = append(args, "-D_GLIBCXX_USE_CXX11_ABI=0")
	}
	for _, i := range append(f.Include, f.PythonInclude) {
		args = append(args, "-isystem", i)
	}
	for _, l := range f.Library {
		args = append(args, "-L"+l)
	}
	args = append(args, "-ltorch_cpu", "-lc10")
	said := new(child.Tail)
	cmd := command(ctx, t.cxx, args...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.Dir = dir
	if err := child.Run(cmd); ctx.Err() != nil {
		return interrupted(ctx)
	} else if err != nil {
		return &Error{
			Text: fmt.Sprintf("the tripwire device does not compile for torch %s: %v", f.Torch, err), Output: said.Lines(),
			Hint: "the headers of torch are needed; on Debian they are in libtorch-dev",
		}
	}
	if err := os.Chmod(made, 0o700); err != nil { //nolint:gosec // it is a library
		return err
	}
	if o.Log != nil {
		_, _ = fmt.Fprintf(o.Log, "built the tripwire device for torch %s with %s\n", f.Torch, strings.TrimSpace(t.version)) // a log that cannot be written to is not worth an error
	}
	return os.Rename(made, name)
}
