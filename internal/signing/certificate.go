package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// verifyCertificate returns the subject of the certificate that made the
// signature, once its chain ends in a trusted one.
func (b *bundle) verifyCertificate(roots Roots) (signer string, err error) {
	if len(roots.CAs) == 0 {
		return "", refuse("the bundle is signed with a certificate, and no certificate authority is trusted")
	}
	leaf, between, err := b.Material.Chain.parse()
	if err != nil {
		return "", fmt.Errorf("not a signature bundle: %w", err)
	}
	if err := chains(leaf, between, roots); err != nil {
		return "", refuse("the certificate of %q is not trusted: %v", subject(leaf), err)
	}
	if err := maySign(leaf); err != nil {
		return "", refuse("the certificate of %q is not trusted: %v", subject(leaf), err)
	}
	if roots.Identity != "" && !slices.Contains(identities(leaf), roots.Identity) {
		return "", refuse("the certificate is of %q, not of %q", subject(leaf), roots.Identity)
	}
	if !b.verifies(leaf.PublicKey) {
		return "", refuse("the signature does not verify with the certificate of %q", subject(leaf))
	}
	return subject(leaf), nil
}

// parse returns the certificate of the signer, which comes first, and the others.
func (c *chain) parse() (leaf *x509.Certificate, between []*x509.Certificate, err error) {
	if n := len(c.Certificates); n < 1 || n > maxCertificates {
		return nil, nil, fmt.Errorf("%d certificates, not 1 to %d", n, maxCertificates)
	}
	for i, raw := range c.Certificates {
		cert, err := x509.ParseCertificate(raw.DER)
		if err != nil {
			return nil, nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		between = append(between, cert)
	}
	return between[0], between[1:], nil
}

// chains reports why no chain leads from leaf to a trusted certificate. What the
// bundle brings along can only stand between: a root among it counts for nothing.
func chains(leaf *x509.Certificate, between []*x509.Certificate, roots Roots) error {
	trusted, others := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range roots.CAs {
		trusted.AddCert(c)
	}
	for _, c := range between {
		others.AddCert(c)
	}
	at := roots.At
	if at.IsZero() {
		at = time.Now()
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: trusted, Intermediates: others, CurrentTime: at,
		// Where a certificate names usages, code signing must be among them, all
		// the way up.
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	})
	return err
}

// maySign reports why a certificate may not sign models: as in the reference, it
// must be for digital signatures or for code signing. Where it says for what it
// is, both must agree.
func maySign(leaf *x509.Certificate) error {
	if _, err := hashOf(leaf.PublicKey); err != nil {
		return err
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return errors.New("its key usage has no digital signature")
	}
	if leaf.KeyUsage == 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) {
		return errors.New("it is neither for digital signatures nor for code signing")
	}
	return nil
}

// identities are the ways to name who a certificate is of. All are compared as a
// whole.
func identities(c *x509.Certificate) []string {
	list := slices.Concat(c.EmailAddresses, c.DNSNames)
	for _, u := range c.URIs {
		list = append(list, u.String())
	}
	for _, name := range []string{c.Subject.String(), c.Subject.CommonName} {
		if name != "" {
			list = append(list, name)
		}
	}
	return list
}

// subject is what messages call a certificate.
func subject(c *x509.Certificate) string {
	if s := c.Subject.String(); s != "" {
		return s
	}
	if list := identities(c); len(list) > 0 {
		return list[0]
	}
	return "serial number " + c.SerialNumber.String()
}

// usable reports why nobody could verify what key and certificate sign.
func usable(key crypto.Signer, certificates []*x509.Certificate, now time.Time) error {
	leaf := certificates[0]
	own, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	switch {
	case len(certificates) > maxCertificates:
		return fmt.Errorf("%d certificates are more than %d", len(certificates), maxCertificates)
	case !ok || !own.Equal(key.Public()):
		return fmt.Errorf("the certificate of %q is not of this key", subject(leaf))
	case now.Before(leaf.NotBefore) || now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate of %q is valid from %s to %s", subject(leaf), leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339))
	}
	if err := maySign(leaf); err != nil {
		return fmt.Errorf("the certificate of %q: %w", subject(leaf), err)
	}
	for _, c := range certificates {
		if !forCode(c) {
			return fmt.Errorf("the certificate of %q names what it may be used for, and signing code is not among it", subject(c))
		}
	}
	return nil
}

// forCode reports whether a certificate leaves room for signing code. RFC 5280
// §4.2.1.12; chains holds every certificate of a chain to it.
func forCode(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}
