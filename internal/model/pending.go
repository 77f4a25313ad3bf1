package model

import "github.com/andiron-dev/andiron/finding"

func (l *looker) template(where finding.Where, name, text string) {}
