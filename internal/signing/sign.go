package signing

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// SignOptions are how a model is signed. The zero value signs all files with the
// key alone.
type SignOptions struct {
	// Certificates are that of the key and those between it and an authority.
	Certificates []*x509.Certificate
	// Ignore are paths, relative to the model, of which nothing is said. They are
	// recorded in the bundle.
	Ignore []string
	// Bundle is the file that the bundle will be in. In the model, it is ignored.
	Bundle string
	// Except are the names of files that are not of the model.
	Except []string
	Each   Each
}

// Sign hashes the model at path, a folder or a file, and returns a bundle and
// what it says.
func Sign(path string, key crypto.Signer, opt SignOptions) ([]byte, *Statement, error) {
	b, err := newBundle(key, opt.Certificates)
	if err != nil {
		return nil, nil, err
	}
	s, err := describe(path, opt)
	if err != nil {
		return nil, nil, err
	}
	if b.payload, err = s.payload(); err != nil {
		return nil, nil, err
	}
	h, err := hashOf(key.Public())
	if err != nil {
		return nil, nil, err
	}
	if b.sig, err = key.Sign(rand.Reader, digest(h, pae(b.payload)), h); err != nil {
		return nil, nil, err
	}
	raw, err := b.marshal()
	if err == nil && len(raw) > MaxBundle {
		err = fmt.Errorf("%d files make a bundle of %d bytes, and no more than %d are read", len(s.Resources), len(raw), MaxBundle)
	}
	s.Method = b.method()
	return raw, s, err
}

// newBundle is a bundle that says who signs.
func newBundle(key crypto.Signer, certificates []*x509.Certificate) (*bundle, error) {
	b := new(bundle)
	if len(certificates) == 0 {
		hint, err := Fingerprint(key.Public())
		b.Material.PublicKey = &publicKey{Hint: hint}
		return b, err
	}
	if err := usable(key, certificates, time.Now()); err != nil {
		return nil, err
	}
	b.Material.Chain = new(chain)
	for _, c := range certificates {
		b.Material.Chain.Certificates = append(b.Material.Chain.Certificates, rawCertificate{DER: c.Raw})
	}
	return b, nil
}

// describe hashes the files of a model.
func describe(path string, opt SignOptions) (*Statement, error) {
	m, err := openModel(path)
	if err != nil {
		return nil, err
	}
	defer m.close()
	s := &Statement{Name: m.name}
	if s.Ignored, err = m.ignored(opt); err != nil {
		return nil, err
	}
	list, err := m.entries(s.Ignored, opt.Except)
	if err == nil {
		err = signable(list)
	}
	if err != nil {
		return nil, err
	}
	s.Resources = make([]Resource, len(list))
	err = opt.Each.run(len(list), func(i int) (err error) {
		r := &s.Resources[i]
		// The reference knows a model of one file by no name, and refuses the name
		// that the specification gives it in §6.1.2.
		if r.Path = list[i].path; m.file != "" {
			r.Path = "."
		}
		r.SHA256, err = m.hash(list[i].path, 0, 0)
		return err
	})
	return s, err
}

// ignored is what goes into the bundle beside DefaultIgnored, sorted.
func (m *model) ignored(opt SignOptions) (list []string, err error) {
	if m.file != "" && len(opt.Ignore) > 0 {
		return nil, errors.New("nothing can be ignored in a model that is one file")
	}
	for _, p := range opt.Ignore {
		clean, err := ignorable(p)
		if err != nil {
			return nil, err
		}
		if _, err := m.root.Lstat(clean); err != nil {
			return nil, fmt.Errorf("%q to be ignored is not in the model", p)
		}
		list = append(list, clean)
	}
	if opt.Bundle != "" {
		list = append(list, m.within([]string{opt.Bundle})...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}
