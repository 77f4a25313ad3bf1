package enforce

import "time"

// Watcher says what is watched, and what is asked of what anybody opens there.
type Watcher struct {
	// Prepare fills in the next three. It is called once opens are answered already,
	// because what it reads may lie where they are watched; they wait until it returns.
	Prepare func(*Watcher) error
	Places  Places
	Judge   Judge
	Report  bool // nothing is refused, and what would be is told

	Deadline time.Duration // for one decision
	Late     bool          // what is not decided in time is let through
	Told     func(Event)   // of each model; any number of goroutines call it
}
