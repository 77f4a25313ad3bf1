package hostile

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

var network = []Attack{
	{ID: "N1", Name: "TCP", Seen: "socket", ABI: 4, Do: func(w *Worker) error {
		return connect(&unix.SockaddrInet4{Port: w.TCP, Addr: [4]byte{127, 0, 0, 1}})
	}},
	{ID: "N1", Name: "TCP 6", Seen: "socket", ABI: 4, Do: func(w *Worker) error {
		return connect(&unix.SockaddrInet6{Port: w.TCP, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}})
	}},
	{ID: "N1", Name: "listen", Seen: "socket", Namespaces: Inside, ABI: 4, Do: func(*Worker) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet4{Port: 18999, Addr: [4]byte{127, 0, 0, 1}})
		}
		return err
	}},
	{ID: "N2", Name: "UDP", Seen: "socket", Landlock: Open, Do: func(w *Worker) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err == nil {
			err = unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Port: w.UDP, Addr: [4]byte{127, 0, 0, 1}})
		}
		return err
	}},
	{ID: "N3", Name: "raw", Seen: "socket", Do: call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)},
	{ID: "N3", Name: "packets", Seen: "socket", Do: call(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0)},
	{ID: "N3", Name: "netlink", Seen: "socket", Namespaces: Inside, Landlock: Open, Do: call(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, 0)},
	{ID: "N3", Name: "vsock", Seen: "socket", Landlock: Open, Do: func(*Worker) error {
		return connect(&unix.SockaddrVM{CID: 2, Port: 1})
	}},
	{ID: "N3", Name: "ciphers of the kernel", Seen: "socket", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_SOCKET, unix.AF_ALG, unix.SOCK_SEQPACKET, 0)},
	// Landlock knows the paths of sockets from version 9 on.
	{ID: "N4", Name: "socket with a path", Seen: "socket", ABI: 9, Do: func(w *Worker) error { return connect(&unix.SockaddrUnix{Name: w.Path}) }},
	{ID: "N4", Name: "abstract socket", Seen: "socket", ABI: 6, Do: func(w *Worker) error { return connect(&unix.SockaddrUnix{Name: "@" + w.Abstract}) }},
	{ID: "N4", Name: "pair of sockets", Seen: "socketpair", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, room(8))},
	{ID: "N5", Name: "connect what is there", Seen: "connect", Do: func(w *Worker) error {
		return unix.Connect(control, &unix.SockaddrUnix{Name: "@" + w.Abstract})
	}},
	{ID: "N5", Name: "send from what is there", Seen: "sendto", Do: func(w *Worker) error {
		return unix.Sendto(control, []byte("x"), 0, &unix.SockaddrUnix{Name: "@" + w.Abstract})
	}},
	{ID: "N5", Name: "listen on what is there", Seen: "listen", Do: call(unix.SYS_LISTEN, control, 1)},
	{ID: "N5", Name: "descriptors sent along", Seen: Stopped, Do: func(w *Worker) error {
		_ = w.sendFiles(done("x"), source) // it is seen, or it is not
		exit(0)
		return nil
	}},
	{ID: "N6", Name: "io_uring", Seen: "io_uring_setup", ABI: 4, Do: ring},
}

func connect(to unix.Sockaddr) error {
	family := unix.AF_INET
	switch to.(type) {
	case *unix.SockaddrInet6:
		family = unix.AF_INET6
	case *unix.SockaddrUnix:
		family = unix.AF_UNIX
	case *unix.SockaddrVM:
		family = unix.AF_VSOCK
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return unix.Connect(fd, to)
}

// ringParams is struct io_uring_params of linux/io_uring.h.
type ringParams struct {
	Entries, CompletionEntries, Flags, _, _, Features, _ uint32
	_                                                    [3]uint32
	Submission                                           struct {
		Head, Tail, Mask, Entries, Flags, Dropped, Array, _ uint32
		_                                                   uint64
	}
	Completion struct {
		Head, Tail, Mask, Entries, Overflow, Entry, Flags, _ uint32
		_                                                    uint64
	}
}

// ring connects by io_uring, which makes no system call for it.
func ring(w *Worker) error {
	var p ringParams
	fd, err := sys(unix.SYS_IO_URING_SETUP, 2, uintptr(unsafe.Pointer(&p)))
	if err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	rings, err := unix.Mmap(int(fd), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	const entries = 0x10000000 // IORING_OFF_SQES
	queue, err := unix.Mmap(int(fd), entries, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	to := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(w.TCP>>8 | w.TCP<<8), Addr: [4]byte{127, 0, 0, 1}}
	entry := (*struct {
		Op, Flags, Priority, _ byte
		FD                     int32
		Off, Addr              uint64
	})(unsafe.Pointer(&queue[0]))
	entry.Op, entry.FD, entry.Addr, entry.Off = 16, int32(socket), uint64(uintptr(unsafe.Pointer(&to))), unix.SizeofSockaddrInet4 // IORING_OP_CONNECT
	word := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&rings[at])) }
	*word(p.Submission.Array) = 0
	*word(p.Submission.Tail)++
	if _, err := sys(unix.SYS_IO_URING_ENTER, fd, 1, 1, 1, 0, 0); err != nil {
		return err
	}
	if got := int32(*word(p.Completion.Entry + 8)); got < 0 { // res of struct io_uring_cqe
		return unix.Errno(-got)
	}
	return nil
}
