package pysrc

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

var bom = []byte("\xef\xbb\xbf")

// PEP 263: the declaration stands in line one, or in line two after a line that
// is blank or a comment.
var (
	cookieRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`) })
	blankRE  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[ \t\f]*(?:#|$)`) })
)

// decode gives source as UTF-8 without its byte order mark. Python refuses all of a file
// in which a byte is not UTF-8; here the rest is read, and errs has where that is.
func decode(src []byte, errs *errorList) (string, error) {
	rest, marked := bytes.CutPrefix(src, bom)
	name := cookie(rest)
	if plain := codec(name); marked && plain != "utf8" && name != "" {
		return "", fmt.Errorf("a byte order mark of UTF-8 and a declaration of %q", name)
	}
	switch codec(name) {
	case "", "utf8":
		return readable(rest, errs), nil
	case "ascii", "usascii", "646":
		if !isASCII(rest) {
			return "", errors.New("the bytes are not ASCII, which is declared")
		}
		return string(rest), nil
	}
	enc := encodings(codec(name))
	if enc == nil {
		// utf-7, unicode_escape and their like make code of bytes that look like
		// something else.
		return "", fmt.Errorf("the declared encoding %q is not one that is read", name)
	}
	text, err := enc.NewDecoder().Bytes(rest)
	if err != nil {
		return "", fmt.Errorf("the bytes are not %s: %w", name, err)
	}
	return string(text), nil
}

// cookie is the declared encoding, or empty.
func cookie(src []byte) string {
	for range 2 {
		end := bytes.IndexAny(src, "\r\n")
		if end < 0 {
			end = len(src)
		}
		line := src[:end]
		if m := cookieRE().FindSubmatch(line); m != nil {
			return string(m[1])
		}
		if !blankRE().Match(line) {
			return ""
		}
		src = src[end:]
		if after, ok := bytes.CutPrefix(src, []byte("\r\n")); ok {
			src = after
		} else if len(src) > 0 {
			src = src[1:]
		}
	}
	return ""
}

// codec writes an encoding's name as CPython compares it, without separators.
func codec(name string) string {
	if name == "" {
		return ""
	}
	name = strings.ToLower(name)
	name = strings.NewReplacer("-", "", "_", "", " ", "").Replace(name)
	switch name {
	case "u8", "utf", "utf8sig", "cp65001":
		return "utf8"
	}
	return name
}

// readable has a replacement character for each byte that is not UTF-8.
func readable(src []byte, errs *errorList) string {
	if utf8.Valid(src) {
		return string(src)
	}
	out := make([]byte, 0, len(src)+len(src)/8)
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r == utf8.RuneError && n == 1 {
			errs.add(len(out), "the byte is not UTF-8, and no other encoding is declared")
		}
		out = utf8.AppendRune(out, r)
		src = src[n:]
	}
	return string(out)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// encodings are supersets of ASCII, in which code reads as it looks.
func encodings(name string) encoding.Encoding {
	switch name {
	case "latin1", "iso88591", "isolatin1", "l1", "8859", "cp819":
		return charmap.ISO8859_1
	case "iso885915", "latin9", "l9":
		return charmap.ISO8859_15
	case "iso88592", "latin2", "l2":
		return charmap.ISO8859_2
	case "iso88595", "cyrillic":
		return charmap.ISO8859_5
	case "iso88597", "greek":
		return charmap.ISO8859_7
	case "iso88599", "latin5", "l5":
		return charmap.ISO8859_9
	case "cp1250", "windows1250":
		return charmap.Windows1250
	case "cp1251", "windows1251":
		return charmap.Windows1251
	case "cp1252", "windows1252":
		return charmap.Windows1252
	case "koi8r":
		return charmap.KOI8R
	case "koi8u":
		return charmap.KOI8U
	case "macroman", "macintosh":
		return charmap.Macintosh
	}
	return eastern(name)
}

func eastern(name string) encoding.Encoding {
	switch name {
	case "gbk", "cp936", "936", "gb2312", "euccn", "eucgb2312cn", "ms936":
		return simplifiedchinese.GBK
	case "gb18030":
		return simplifiedchinese.GB18030
	case "big5", "big5tw", "csbig5", "cp950", "950":
		return traditionalchinese.Big5
	case "eucjp", "ujis", "ujisjis":
		return japanese.EUCJP
	case "shiftjis", "sjis", "csshiftjis", "cp932", "932", "ms932":
		return japanese.ShiftJIS
	case "euckr", "cp949", "949", "ksc5601", "uhc":
		return korean.EUCKR
	}
	return nil
}
