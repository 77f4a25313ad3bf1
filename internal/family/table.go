package family

import _ "embed" // the table

//go:embed trains.txt
var trainsText string
