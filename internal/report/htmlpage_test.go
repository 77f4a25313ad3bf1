package report

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// Texts never become markup: whatever they hold is escaped, and no code converts.
func TestPageEscapes(t *testing.T) {
	var b strings.Builder
	p := &page{bufio.NewWriter(&b), nil}
	p.put(`<p class="%s">%s</p>`, `x" onclick="y`, "<script>&'%s\x00+")
	if err := p.w.Flush(); err != nil {
		t.Fatal(err)
	}
	const want = `<p class="x&#34; onclick=&#34;y">&lt;script&gt;&amp;&#39;%s` + "\ufffd&#43;</p>"
	if got := b.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	src, err := os.ReadFile("htmlpage.go")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(src), "markup(") || !strings.Contains(string(src), "m markup") {
		t.Error("htmlpage.go makes markup of a text")
	}
}

// A place without a text, or a text without a place, is a bug that shows at once.
func TestPageCounts(t *testing.T) {
	for name, put := range map[string]func(*page){
		"too few":  func(p *page) { p.put("%s%s", "a") },
		"too many": func(p *page) { p.put("%s", "a", "b") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s texts are let through", name)
				}
			}()
			put(&page{bufio.NewWriter(&strings.Builder{}), nil})
		}()
	}
}
