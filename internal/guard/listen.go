package guard

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// listener bounds connections, in all and of one address. What is too much is
// closed at once: a connection costs memory before it has said anything.
type listener struct {
	net.Listener
	most, mostOne int
	mu            sync.Mutex
	by            map[netip.Addr]int
	open          atomic.Int64
	refused       func()
}

func newListener(l net.Listener, limits Limits, refused func()) *listener {
	return &listener{Listener: l, most: limits.Connections, mostOne: limits.ConnectionsClient, by: map[netip.Addr]int{}, refused: refused}
}

// Accept returns the next connection that there is room for.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := subnet(addrOf(c.RemoteAddr().String()))
		if l.enter(addr) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.exit(addr) })}, nil
		}
		l.refused()
		_ = c.Close() // there is no room for it
	}
}

func (l *listener) enter(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if int(l.open.Load()) >= l.most || l.by[a] >= l.mostOne {
		return false
	}
	l.by[a]++
	l.open.Add(1)
	return true
}

func (l *listener) exit(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by[a]--; l.by[a] == 0 {
		delete(l.by, a)
	}
	l.open.Add(-1)
}

type counted struct {
	net.Conn
	leave func()
}

// Close also makes room.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
