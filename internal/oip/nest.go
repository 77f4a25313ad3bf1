package oip

// nest is what is known of the shape of nested lists. A size of -1 is not known
// yet.
type nest struct {
	dims []int64
	rank int // -1 where it is not known yet
}

// value reads a number, or lists of them, which stand at a level of nesting. All
// lists of a level have the same length.
func (l *lexer) value(s *sink, n *nest, level int) error {
	if l.next() != '[' {
		if n.rank < 0 {
			n.rank = level
		}
		if n.rank != level {
			return l.fault(CodeNesting, "an element stands where a list is wanted: all lists have one depth")
		}
		return s.element(l)
	}
	switch {
	case n.rank == level:
		return l.fault(CodeNesting, "a list stands where an element is wanted: all lists have one depth")
	case level == l.lim.Rank:
		return l.fault(CodeLimit, "lists are nested more than %d deep", l.lim.Rank)
	case level == len(n.dims):
		n.dims = append(n.dims, -1)
	}
	at := l.p
	l.p++
	count, err := l.inside(s, n, level)
	if err != nil {
		return err
	}
	if n.dims[level] < 0 {
		n.dims[level] = count
	}
	if n.dims[level] != count {
		return faultAt(at, CodeNesting, "a list of %d stands where one of %d is wanted", count, n.dims[level])
	}
	return nil
}

// inside reads a list behind its bracket.
func (l *lexer) inside(s *sink, n *nest, level int) (int64, error) {
	switch c := l.next(); {
	case c == ']':
		l.p++
		if n.rank < 0 {
			n.rank = level + 1
		}
		return 0, nil
	case c != '[':
		if n.rank < 0 {
			n.rank = level + 1
		}
		if n.rank != level+1 {
			return 0, l.fault(CodeNesting, "an element stands where a list is wanted: all lists have one depth")
		}
		want := n.dims[level]
		if want < 0 {
			want = s.most
		}
		return l.leaf(s, want)
	}
	for count := int64(1); ; count++ {
		count += l.rows(s, n, level+1)
		if err := l.value(s, n, level+1); err != nil {
			return 0, err
		}
		switch l.next() {
		case ',':
			l.p++
		case ']':
			l.p++
			return count, nil
		default:
			return 0, l.wrong(`"," or "]"`)
		}
	}
}

// wide is how many elements a row may have that is short: what it costs to begin
// another list matters less then.
const wide = 64

// rows reads lists of elements which are like the one before, and behind each of which
// another one follows, and says how many it read.
func (l *lexer) rows(s *sink, n *nest, level int) int64 {
	if n.rank != level+1 || len(n.dims) != n.rank {
		return 0
	}
	width := n.dims[level]
	if width <= 0 || width > wide || l.next() != '[' {
		return 0
	}
	from := s.n
	l.p = s.quick(l.b, l.p+1, s.most-s.n, rows{int(width), int(width), l.p})
	return (s.n - from) / width
}

// leaf reads the elements of a list, of which there should be want at most, and
// its end.
func (l *lexer) leaf(s *sink, want int64) (int64, error) {
	from := s.n
	for {
		l.next()
		l.p = s.quick(l.b, l.p, want-(s.n-from)-1, rows{})
		if err := s.element(l); err != nil {
			return 0, err
		}
		switch l.next() {
		case ',':
			l.p++
		case ']':
			l.p++
			return s.n - from, nil
		default:
			return 0, l.wrong(`"," or "]"`)
		}
	}
}
