//go:build !unix

package guard

import "net"

// quietConn cannot be asked here; a request that could not be written as a whole
// is written again.
func quietConn(net.Conn) bool { return true }
