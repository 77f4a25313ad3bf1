package family

import _ "embed" // the tables

//go:embed trains.txt
var trainsText string

//go:embed releases.txt
var releasesText string
