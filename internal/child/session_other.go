//go:build unix && !linux

package child

// endSession does nothing here: there is no /proc that says who is in a session, and the
// process group is killed.
func endSession(int) {}
