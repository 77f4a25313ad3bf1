package hostile

// local are attacks that only another architecture has.
var local []Attack
