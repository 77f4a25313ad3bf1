package signing

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Sigstore bundle 0.3, sigstore_bundle.proto in its JSON form. 0.3 has two
// spellings; 0.1 and 0.2 were never written by a signer of models.
const (
	mediaType    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	mediaTypeOld = "application/vnd.dev.sigstore.bundle+json;version=0.3"
	payloadType  = "application/vnd.in-toto+json"
)

// maxCertificates is longer than any chain in use.
const maxCertificates = 16

type bundle struct {
	MediaType string    `json:"mediaType"`
	Material  material  `json:"verificationMaterial"`
	Envelope  *envelope `json:"dsseEnvelope"`

	payload, sig []byte // of the envelope
}

// material is the union VerificationMaterial.content and what we need not read.
// In bundles up to v1.0.0 publicKey has rawBytes in place of a hint.
type material struct {
	PublicKey   *publicKey      `json:"publicKey,omitempty"`
	Chain       *chain          `json:"x509CertificateChain,omitempty"`
	Certificate json.RawMessage `json:"certificate,omitempty"`
}

type publicKey struct {
	Hint string `json:"hint"`
}

type chain struct {
	Certificates []rawCertificate `json:"certificates"`
}

type rawCertificate struct {
	DER []byte `json:"rawBytes"`
}

type envelope struct {
	Payload     string      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

// signature has a keyid too, which is "", null or absent and means nothing: §11.1.
type signature struct {
	Sig string `json:"sig"`
}

// bundleNames are the keys that are read.
var bundleNames = []string{
	"mediaType", "verificationMaterial", "dsseEnvelope", "publicKey", "x509CertificateChain", "certificate",
	"hint", "certificates", "rawBytes", "payload", "payloadType", "signatures", "sig",
}

func parseBundle(raw []byte) (*bundle, error) {
	b := new(bundle)
	if err := decode(raw, maxValues, bundleNames, b); err != nil {
		return nil, fmt.Errorf("not a signature bundle: %w", err)
	}
	if b.MediaType != mediaType && b.MediaType != mediaTypeOld {
		return nil, fmt.Errorf("media type %q: %w; it is %q in a bundle", b.MediaType, ErrUnsupported, mediaType)
	}
	if err := b.materialOfOneKind(); err != nil {
		return nil, fmt.Errorf("not a signature bundle: %w", err)
	}
	if err := b.open(); err != nil {
		return nil, fmt.Errorf("not a signature bundle: %w", err)
	}
	return b, nil
}

func (b *bundle) materialOfOneKind() error {
	kinds := 0
	for _, there := range []bool{b.Material.PublicKey != nil, b.Material.Chain != nil, b.Material.Certificate != nil} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("verificationMaterial has %d of publicKey, x509CertificateChain and certificate, and must have one", kinds)
	}
	return nil
}

// open takes the envelope apart.
func (b *bundle) open() (err error) {
	e := b.Envelope
	switch {
	case e == nil:
		return errors.New("it has no dsseEnvelope")
	case e.PayloadType != payloadType:
		return fmt.Errorf("payload type %q, not %q", e.PayloadType, payloadType)
	case len(e.Signatures) != 1:
		return fmt.Errorf("it has %d signatures, and must have one", len(e.Signatures))
	}
	if b.payload, err = base64.StdEncoding.DecodeString(e.Payload); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	if b.sig, err = base64.StdEncoding.DecodeString(e.Signatures[0].Sig); err != nil {
		return fmt.Errorf("sig: %w", err)
	}
	return nil
}

func (b *bundle) method() Method {
	switch {
	case b.Material.PublicKey != nil:
		return Key
	case b.Material.Chain != nil:
		return Certificate
	}
	return Keyless
}

// MethodOf says how a bundle claims to be signed, before anything is verified.
func MethodOf(raw []byte) (Method, error) {
	b, err := parseBundle(raw)
	if err != nil {
		return "", err
	}
	return b.method(), nil
}

// pae is the pre-authentication encoding of DSSE 1.0, protocol.md: what is signed.
func pae(payload []byte) []byte {
	head := fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload))
	return slices.Concat(head, payload)
}

// marshal writes the bundle as the reference implementation does: with a keyid
// that is empty.
func (b *bundle) marshal() ([]byte, error) {
	type signed struct {
		signature

		KeyID string `json:"keyid"`
	}
	out := struct {
		MediaType string   `json:"mediaType"`
		Material  material `json:"verificationMaterial"`
		Envelope  any      `json:"dsseEnvelope"`
	}{MediaType: mediaType, Material: b.Material}
	out.Envelope = struct {
		Payload     []byte   `json:"payload"`
		PayloadType string   `json:"payloadType"`
		Signatures  []signed `json:"signatures"`
	}{b.payload, payloadType, []signed{{signature: signature{Sig: base64.StdEncoding.EncodeToString(b.sig)}}}}
	raw, err := json.Marshal(out)
	return append(raw, '\n'), err
}
