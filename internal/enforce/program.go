package enforce

// Ports say of which ports of TCP there is a list.
type Ports struct {
	Connect bool `json:"connect"`
	Bind    bool `json:"bind"`
}

// Program says what is run, and what is asked of what it opens.
type Program struct {
	Path   string   // of the file that is started
	Args   []string // the first is its name
	Places Places
	Judge  Judge
	// Report lets everything through, and says what would have been refused.
	Report  bool
	MaxCopy int64       // bytes of a model that may be copied into memory
	Ports   Ports       // those that Access has
	Told    func(Event) // of each model; any number of goroutines call it
}
