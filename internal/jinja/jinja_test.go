package jinja

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Templates as models carry them have nothing to report.
func TestPlain(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jinja")
	if err != nil || len(files) < 4 {
		t.Fatal("no templates", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Judge(string(b), Limits{}); err != nil || len(got) > 0 {
			t.Errorf("%s: got %+v, %v", f, got, err)
		}
	}
	for _, s := range []string{
		"", "plain text {", "{ { not jinja } }", "{{ a }}{{ a.b['c'][0] }}", "{{ -1 if x else +2 }}", "{# {{ self.__class__ }} #}",
		"{% for a, (b, c) in d.items() recursive %}{{ loop(b) }}{% else %}{% endfor %}", "{{ 'a' if b }}", "{{ x is divisibleby 3 }}",
		"{% set items = x.items() %}{{ x.items()|tojson(indent=4) }}", "{% set n = namespace(found=x.get('a')) %}{{ y.get('b') }}",
		"{% set config = 1 %}{{ config }}", "{% set x %}text{% endset %}", "{% with a = 1, b = 2 %}{{ a ~ b }}{% endwith %}",
		"{% filter upper %}a{% endfilter %}", "{% call(x) m() %}{% endcall %}{% macro m() %}{{ caller(1) }}{% endmacro %}",
		"{{ messages | map(attribute='role') | join(', ') }}", "{{ 'a {} {b}'.format(1, b=2) }}", "{{ x[1:2, ::3] }}", "{{ 2 ** 3 }}",
		"{{ not a and not b }}", "{{ a not in b }}", "{{ () }}{{ (1,) }}{{ [1, 2,] }}", "{{ {'a': 1}['a'] }}", "{%+ if a +%}{%- endif -%}",
	} {
		if got, err := Judge(s, Limits{}); err != nil || len(got) > 0 {
			t.Errorf("%q: got %+v, %v", s, got, err)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		template string
		want     string // kind:name of each, in order
	}{
		{"{{ ''.__class__ }}", "private attribute:__class__"},
		{"{% set f = x[k] %}{{ f() }}", "unknown function:f"},
		{"{% for f in x %}{{ f() }}{% endfor %}", "unknown function:f"},
		{"{% macro m(f) %}{{ f() }}{% endmacro %}{{ m(x) }}", "unknown function:f"},
		{"{% set caller = x[k] %}{{ caller() }}", "unknown function:caller"},
		{"{% macro m() %}{% endmacro %}{% set m = x[k] %}{{ m() }}", "unknown function:m"},
		{"{% with range = x[k] %}{{ range(1) }}{% endwith %}", "unknown function:range"},
		{"{% set n = namespace(get=x[k]) %}{{ n.get() }}", "unknown method:get"},
		{"{% set n.items = x[k] %}{{ n.items() }}", "unknown method:items"},
		{"{% set n = namespace({'get': x[k]}) %}{{ n.get() }}", "unknown function:namespace of values"},
		{"{% set n = namespace(**x) %}", "unknown function:namespace of values"},
		{"{{ x['\\\n_\\\n_class_\\\n_'] }}", "private attribute:__class__,built string:__class__"},
		{"{{ x._private }}", "private attribute:_private"},
		{"{{ x['__class__'] }}", "private attribute:__class__"},
		{"{{ x['_a'] }}", "private attribute:_a"},
		{"{{ x['__cla' 'ss__'] }}", "private attribute:__class__,built string:a key"},
		{"{{ x['_' ~ '_class_' ~ '_'] }}", "private attribute:__class_,built string:a key"},
		{"{{ x['_' + '_class'] }}", "private attribute:__class,built string:a key"},
		{"{{ x[('ssalc'|reverse)] }}", "built string:a key"},
		{"{{ x['%c%c' % (95, 95)] }}", "built string:a key"},
		{"{{ x[['a', 'b']|join] }}", "built string:a key"},
		{`{{ x['\x5f\x5fclass\x5f\x5f'] }}`, "private attribute:__class__,built string:__class__"},
		{`{{ x['\u0063lass'] }}`, "built string:class"},
		{"{{ x|attr('y') }}", "attribute by name:attr"},
		{"{{ x|attr('__init__') }}", "attribute by name:attr,private attribute:__init__"},
		{"{{ x|map('attr', '__class__')|list }}", "attribute by name:map,private attribute:__class__"},
		{"{{ x|map(attribute=y) }}", "attribute by name:map"},
		{"{{ x|selectattr(y, 'equalto', 1) }}", "attribute by name:selectattr"},
		{"{{ x|map(attribute='a._b') }}", "private attribute:a._b"},
		{"{{ lipsum.a }}", "global object:lipsum"},
		{
			"{{ cycler.__init__.__globals__.os.popen('true').read() }}",
			"global object:cycler,private attribute:__init__,private attribute:__globals__,unknown method:popen,unknown method:read",
		},
		{"{{ self.x }}", "global object:self"},
		{"{{ config.items() }}", "global object:config"},
		{"{% set x = config %}", "global object:config"},
		{"{% include 'a' %}", "loads a template:include"},
		{"{% from 'a' import b %}", "loads a template:from"},
		{"{% extends x %}", "loads a template:extends"},
		{"{% import 'a' as b %}", "loads a template:import"},
		{"{% do x.append(1) %}", "unknown tag:do"},
		{"{{ x|weird }}", "unknown filter:weird"},
		{"{{ weird(1) }}", "unknown function:weird"},
		{"{{ x.mro() }}", "unknown method:mro"},
		{"{{ x['a']() }}", "call of a result:"},
		{"{{ range(1000000) }}", "huge number:range"},
		{"{{ 'a' * 1000000 }}", "huge number:a repeated string"},
		{"{{ 9 ** 9999 }}", "huge number:a power"},
		{"{{ x|center(10000000) }}", "huge number:center"},
		{"{{ '{0.a}'.format(x) }}", "format with fields:{0.a}"},
		{"{{ x.format(y) }}", "format with fields:"},
		{"{% set a.__x__ = 1 %}", "private attribute:__x__"},
		{"{{ a b }}", "syntax:unexpected b"},
		{"{{ a", "syntax:a block without end"},
		{"{% raw %}", "syntax:raw without endraw"},
		{"{# a", "syntax:a comment without end"},
		{"{{ 'a }}", "syntax:a string without end"},
		{"{{ a ! }}{{ x.__y__ }}", `syntax:"!",private attribute:__y__`},
		{"{% if %}{% endif %}", "syntax:an expression is missing"},
		{"{%  %}", "syntax:a tag without a name"},
		{"{% for x of y %}", "syntax:no in"},
		{"{% if x.__class__ %}{% endif %}", "private attribute:__class__"},
		{"{% for x in y.__z__ %}{% endfor %}", "private attribute:__z__"},
		{"{% macro m(a=b.__c__) %}{% endmacro %}", "private attribute:__c__"},
		{"{{ a if b.__c__ else d }}", "private attribute:__c__"},
		{"{{ {'a': b.__c__}}}", "private attribute:__c__"},
	} {
		cs, err := Judge(tt.template, Limits{})
		var got []string
		for _, c := range cs {
			got = append(got, string(c.Kind)+":"+c.Name)
		}
		if s := strings.Join(got, ","); err != nil || s != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.template, s, err, tt.want)
		}
	}
}

func TestPlace(t *testing.T) {
	got, err := Judge("a\n{{ x }}\n{{ x.__y__ }}\n\n{% do x %}", Limits{})
	want := []Construct{{Underline, "__y__", 15, 3}, {Tag, "do", 28, 5}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		s   string
		lim Limits
	}{{"aaaa", Limits{Bytes: 3}}, {strings.Repeat("{{ a.__b__ }}", 20), Limits{Constructs: 5}}} {
		if _, err := Judge(tt.s, tt.lim); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%.20q: got %v, want a limit", tt.s, err)
		}
	}
	for _, s := range []string{"'a'", "'a' ~ ", "x + "} {
		if _, err := Judge("{{ "+strings.Repeat(s, 100_000)+"'b' }}", Limits{}); err != nil {
			t.Errorf("100,000 times %q: got %v", s, err)
		}
	}
	for _, s := range []string{"(", "[", "-", "not ", "{1:", "a[", "a(", "a if ", "2**", "a is ", "a|b("} {
		deep := "{{ " + strings.Repeat(s, 100_000) + " }}"
		if got, err := Judge(deep, Limits{}); err != nil || len(got) == 0 {
			t.Errorf("100,000 times %q: got %+v, %v", s, got, err)
		}
	}
}

func FuzzJudge(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.jinja")
	for _, name := range files {
		b, _ := os.ReadFile(name)
		f.Add(string(b))
	}
	f.Add("{{ cycler.__init__.__globals__ }}{% for x in y if z %}{{ x|attr('a' ~ b)(1, c=2)[1:2] }}{% endfor %}")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Judge(s, Limits{})
		again, err2 := Judge(s, Limits{})
		if !cmp.Equal(got, again) || (err == nil) != (err2 == nil) {
			t.Error("two answers for one input")
		}
		for _, c := range got {
			if c.Offset < 0 || c.Offset > len(s) || c.Line < 1 {
				t.Errorf("%+v is not a place", c)
			}
		}
	})
}
