package enforce

// Access is what a program may reach. Paths are absolute.
type Access struct {
	Read  []string // folders and files
	Write []string // folders
	// Connect and Bind are ports of TCP; nil is any, and an empty list none.
	Connect, Bind []uint16
}

// Ports are those that are declared.
func (a *Access) Ports() Ports { return Ports{Connect: a.Connect != nil, Bind: a.Bind != nil} }
