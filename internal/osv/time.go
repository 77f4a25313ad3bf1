package osv

// ParseTime reads a time of RFC 3339 as seconds since 1970. It is here because
// readers have no clock.
func ParseTime(s string) (sec int64, ok bool) {
	const form = "0000-00-00T00:00:00"
	if len(s) < len(form)+1 {
		return 0, false
	}
	var n [6]int64
	field := 0
	for i := range len(form) {
		c := s[i]
		if form[i] == '0' {
			if c < '0' || c > '9' {
				return 0, false
			}
			n[field] = n[field]*10 + int64(c-'0')
			continue
		}
		if c != form[i] && (form[i] != 'T' || c != 't' && c != ' ') {
			return 0, false
		}
		field++
	}
	year, month, day, hour, minute, second := n[0], n[1], n[2], n[3], n[4], n[5]
	if month < 1 || month > 12 || day < 1 || day > monthDays(year, month) || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	zone, ok := zoneSeconds(s[len(form):])
	if !ok {
		return 0, false
	}
	return days(year, month, day)*86400 + hour*3600 + minute*60 + second - zone, true
}

// zoneSeconds reads what follows the seconds: a fraction, and Z or an offset.
func zoneSeconds(s string) (sec int64, ok bool) {
	if s[0] == '.' {
		i := 1
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if i == 1 || i == len(s) {
			return 0, false
		}
		s = s[i:]
	}
	if s == "Z" || s == "z" {
		return 0, true
	}
	if len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	for _, i := range [...]int{1, 2, 4, 5} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	hour, minute := int64(s[1]-'0')*10+int64(s[2]-'0'), int64(s[4]-'0')*10+int64(s[5]-'0')
	if hour > 23 || minute > 59 {
		return 0, false
	}
	sec = hour*3600 + minute*60
	if s[0] == '-' {
		sec = -sec
	}
	return sec, true
}

func monthDays(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// days counts from 1970-01-01 in the proleptic Gregorian calendar. The year begins
// in March, so that the leap day is its last.
func days(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + floor(year, 4) - floor(year, 100) + floor(year, 400) + (153*(month-3)+2)/5 + day - 1 - 719468
}

func floor(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}
