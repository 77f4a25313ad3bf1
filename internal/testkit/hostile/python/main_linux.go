// Command python is the hostile worker by itself: what little it links leaves it few
// threads to get rid of.
package main

import "github.com/andiron-dev/andiron/internal/testkit/hostile"

func main() { hostile.Main() }
