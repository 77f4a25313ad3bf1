package guard

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"sync/atomic"
)

// certificates are the gateway's own and those of clients, as files have them now.
type certificates struct {
	c     *Config
	bytes atomic.Pointer[string]
	now   atomic.Pointer[tls.Config]
	tried atomic.Pointer[attempt] // the last one
}

// attempt is what reading the files came to.
type attempt struct {
	files [sha256.Size]byte
	err   string
}

// watch loads. An error that it had the last time, of the same files, is none.
func (t *certificates) watch() (changed bool, err error) {
	before := t.tried.Load()
	changed, err = t.load()
	if before != nil && err != nil && *before == *t.tried.Load() {
		return false, nil
	}
	return changed, err
}

// load reads the files. After the first time an error leaves what was there, and
// files with the same bytes change nothing.
func (t *certificates) load() (changed bool, err error) {
	files := []string{t.c.TLS.Cert, t.c.TLS.Key}
	if t.c.TLS.ClientCA != "" {
		files = append(files, t.c.TLS.ClientCA)
	}
	read := make([][]byte, 0, 3)
	var all strings.Builder
	defer func() {
		now := attempt{files: sha256.Sum256([]byte(all.String()))}
		if err != nil {
			now.err = err.Error()
		}
		t.tried.Store(&now)
	}()
	for _, name := range files {
		b, err := t.c.Read(name)
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		read = append(read, b)
		fmt.Fprintf(&all, "%d:%s", len(b), b)
	}
	if p := t.bytes.Load(); p != nil && *p == all.String() {
		return false, nil
	}
	conf, err := t.config(read)
	if err != nil {
		return false, err
	}
	text := all.String()
	t.bytes.Store(&text)
	t.now.Store(conf)
	return true, nil
}

func (t *certificates) config(read [][]byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(read[0], read[1])
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", t.c.TLS.Cert, t.c.TLS.Key, err)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if len(read) < 3 {
		return conf, nil
	}
	conf.ClientCAs, conf.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !conf.ClientCAs.AppendCertsFromPEM(read[2]) {
		return nil, fmt.Errorf("%s: no certificate in it", t.c.TLS.ClientCA)
	}
	return conf, nil
}

// server is the configuration that a listener has: each handshake asks for what
// is there now.
func (t *certificates) server() *tls.Config {
	conf := t.now.Load().Clone()
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.now.Load(), nil }
	return conf
}

// towards is the configuration for connections to the server.
func (c *Config) towards() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.BackendCA == "" {
		return conf, nil
	}
	b, err := c.Read(c.BackendCA)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.BackendCA, err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s: no certificate in it", c.BackendCA)
	}
	return conf, nil
}
