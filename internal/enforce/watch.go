package enforce

import "time"

// Rules are what is asked of what anybody opens.
type Rules struct {
	Places Places
	Judge  Judge
	Report bool // nothing is refused, and what would be is told
}

// Watcher says how opens are answered.
type Watcher struct {
	// Read gives the rules. It is called once opens are answered already, because what it
	// reads may lie where they are watched, and again at SIGHUP. Opens wait for the first
	// answer. Rules stay in force when an error comes later; without any, no model is let
	// through, and Read is called each second.
	Read func() (*Rules, error)
	Said func(string) // of such errors

	Deadline time.Duration // for one decision
	Late     bool          // what is not decided in time is let through
	Told     func(Event)   // of each model; any number of goroutines call it
}
