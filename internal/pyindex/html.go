package pyindex

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// maxToken is how long a tag, a comment or a text may be.
const maxToken = 1 << 20

func (p *reader) html(b []byte) error {
	z := html.NewTokenizer(bytes.NewReader(b))
	z.SetMaxBuf(maxToken)
	based := false
	var text strings.Builder // of the link that is open
	open := -1               // its index in the files
	for {
		switch z.Next() {
		case html.ErrorToken:
			p.called(open, text.String())
			return ended(z.Err())
		case html.TextToken:
			if open >= 0 && text.Len() < maxToken {
				text.Write(z.Text())
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); atom.Lookup(name) == atom.A {
				p.called(open, text.String())
				open = -1
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			switch atom.Lookup(name) {
			case atom.A:
				p.called(open, text.String())
				text.Reset()
				var err error
				if open, err = p.link(attributes(z, more)); err != nil {
					return err
				}
			case atom.Base:
				if href, ok := attributes(z, more)["href"]; ok && !based {
					based = true // a second one does not count
					p.rebase(href)
				}
			case atom.Meta:
				p.meta(attributes(z, more))
			default: // only these have a meaning here
			}
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

func ended(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, html.ErrBufferExceeded):
		return bounded.Exceeded("bytes of a tag or a text", maxToken)
	}
	return err
}

// attributes are those of a tag; of two with one name the first counts.
func attributes(z *html.Tokenizer, more bool) map[string]string {
	set := make(map[string]string)
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if _, ok := set[string(key)]; !ok {
			set[string(key)] = string(value)
		}
	}
	return set
}

func (p *reader) rebase(href string) {
	u, err := url.Parse(strings.TrimSpace(href))
	if err != nil {
		p.problem("the base %.120q of the page is no address", href)
		return
	}
	p.base = p.base.ResolveReference(u)
}

func (p *reader) meta(a map[string]string) {
	value := a["content"]
	switch a["name"] {
	case "pypi:repository-version":
		p.page.API = value
	case "pypi:project-status":
		p.page.Status = value
	case "pypi:project-status-reason":
		p.page.Reason = value
	case "pypi:tracks":
		p.page.Tracks = append(p.page.Tracks, value)
	case "pypi:alternate-locations":
		p.page.Alternates = append(p.page.Alternates, value)
	}
}

// link adds the file that an anchor leads to, and returns its index, or -1.
func (p *reader) link(a map[string]string) (int, error) {
	href, ok := a["href"]
	if !ok {
		p.problem("a link has no address")
		return -1, nil
	}
	var f File
	if err := p.locate(&f, href); err != nil {
		p.problem("a link: %v", err)
		return -1, nil
	}
	f.RequiresPython = a["data-requires-python"]
	f.YankedReason, f.Yanked = a["data-yanked"]
	f.Provenance = a["data-provenance"]
	value, ok := a["data-core-metadata"]
	if !ok {
		value, ok = a["data-dist-info-metadata"]
	}
	if ok && value != "false" {
		f.Metadata = true
		if algorithm, digest, has := strings.Cut(value, "="); has {
			h, good := hashOf(algorithm, digest)
			if !good {
				p.problem("%q: its metadata has the digest %.120q, which is none", f.Name, value)
			} else {
				f.MetadataHashes = addHash(nil, h)
			}
		}
	}
	if err := p.add(f); err != nil {
		return -1, err
	}
	return len(p.page.Files) - 1, nil
}

// called holds the text of a link against where it leads.
func (p *reader) called(i int, text string) {
	if i < 0 {
		return
	}
	if text = strings.TrimSpace(text); text != "" && text != p.page.Files[i].Name {
		p.problem("%s", fmt.Sprintf("a link is called %.120q and leads to %.120q", text, p.page.Files[i].Name))
	}
}
