//go:build !unix || aix || solaris || illumos

package confine

import "fmt"

// Self does nothing here: a process of its own is all there is.
func Self(l Limits) error {
	if l.Memory <= 0 || l.CPU <= 0 {
		return fmt.Errorf("confine: limits %+v are not above 0", l)
	}
	return nil
}
