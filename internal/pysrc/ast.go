package pysrc

// Span is where a node stands, as offsets into the text.
type Span struct{ Start, End int32 }

// Where gives a node's span.
func (s Span) Where() Span { return s }

// Node is an expression, a statement, or a part of one.
type Node interface{ Where() Span }

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

type isExpr struct{ Span }

func (isExpr) expr() {}

// The expressions.
type (
	// Name is an identifier, in the form NFKC.
	Name struct {
		isExpr

		ID string
	}
	// Const is None, True, False or an ellipsis; Word says which.
	Const struct {
		isExpr

		Word string
	}
	// Number is a number as it is written.
	Number struct {
		isExpr

		Text string
	}
	// Str is a string or bytes, adjacent literals joined.
	Str struct {
		isExpr

		Value string
		Bytes bool
		// Inexact says that Value is not what Python has: it names characters, or
		// holds halves of surrogate pairs.
		Inexact bool
	}
	// Joined is an f-string, or a t-string: Str and Field in turn.
	Joined struct {
		isExpr

		Parts    []Expr
		Template bool
	}
	// Field is a part of an f-string that is computed.
	Field struct {
		isExpr

		Value Expr
		Spec  *Joined // may be nil
	}
	// Attribute is Value.Attr.
	Attribute struct {
		isExpr

		Value Expr
		Attr  string
	}
	// Subscript is Value[Index].
	Subscript struct {
		isExpr

		Value, Index Expr
	}
	// Call is Func(Args, Keywords).
	Call struct {
		isExpr

		Func     Expr
		Args     []Expr // Starred among them
		Keywords []Keyword
		Broken   bool // it does not parse to its end, so there may be more arguments
	}
	// Binary is Left Op Right.
	Binary struct {
		isExpr

		Op          string
		Left, Right Expr
	}
	// Unary is Op Value; Op is one of + - ~ not.
	Unary struct {
		isExpr

		Op    string
		Value Expr
	}
	// Bool is a chain of and or of or.
	Bool struct {
		isExpr

		Op     string
		Values []Expr
	}
	// Compare is a chain of comparisons: Values has one more than Ops.
	Compare struct {
		isExpr

		Ops    []string
		Values []Expr
	}
	// IfExpr is Body if Test else Else.
	IfExpr struct {
		isExpr

		Test, Body, Else Expr
	}
	// Lambda is lambda Params: Body.
	Lambda struct {
		isExpr

		Params *Params
		Body   Expr
	}
	// Walrus is Target := Value.
	Walrus struct {
		isExpr

		Target *Name
		Value  Expr
	}
	// Sequence is a tuple, list or set.
	Sequence struct {
		isExpr

		Kind  Bracket
		Elems []Expr
	}
	// Dict is a dictionary; a key that is nil stands for ** before its value.
	Dict struct {
		isExpr

		Keys, Values []Expr
	}
	// Comprehension is a list, set, dictionary or generator that is computed.
	Comprehension struct {
		isExpr

		Kind      Bracket
		Key, Elem Expr // Key only in a dictionary
		Clauses   []Clause
	}
	// Await is await Value.
	Await struct {
		isExpr

		Value Expr
	}
	// Yield is yield Value, or yield from Value; Value may be nil.
	Yield struct {
		isExpr

		Value Expr
		From  bool
	}
	// Starred is *Value.
	Starred struct {
		isExpr

		Value Expr
	}
	// Slice is Low:High:Step, each of which may be nil.
	Slice struct {
		isExpr

		Low, High, Step Expr
	}
)

// Keyword is Name=Value in a call or a class; Name is empty for **Value.
type Keyword struct {
	Span

	Name  string
	Value Expr
}

// Clause is for Target in Iter if Ifs.
type Clause struct {
	Target, Iter Expr
	Ifs          []Expr
}

// Bracket says what stands around a sequence or a comprehension.
type Bracket byte

// The brackets.
const (
	Tuple      Bracket = 't'
	List       Bracket = 'l'
	Set        Bracket = 's'
	Dictionary Bracket = 'd'
	Generator  Bracket = 'g'
)

// Param is one parameter.
type Param struct {
	Span

	Name       string
	Annotation Expr // may be nil
	Default    Expr // may be nil
}

// Params are the parameters of a function.
type Params struct {
	PosOnly  []Param
	Plain    []Param
	Star     *Param // *args; nil if there is none
	KwOnly   []Param
	StarStar *Param // **kwargs; nil if there is none
}

// All lists them in the order of the source.
func (p *Params) All() []*Param {
	if p == nil {
		return nil
	}
	var out []*Param
	for _, list := range [][]Param{p.PosOnly, p.Plain} {
		for i := range list {
			out = append(out, &list[i])
		}
	}
	if p.Star != nil {
		out = append(out, p.Star)
	}
	for i := range p.KwOnly {
		out = append(out, &p.KwOnly[i])
	}
	if p.StarStar != nil {
		out = append(out, p.StarStar)
	}
	return out
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

type isStmt struct{ Span }

func (isStmt) stmt() {}

// The statements.
type (
	// ExprStmt is an expression for its effect.
	ExprStmt struct {
		isStmt

		Value Expr
	}
	// Assign is Targets = Value.
	Assign struct {
		isStmt

		Targets []Expr
		Value   Expr
	}
	// AugAssign is Target Op= Value.
	AugAssign struct {
		isStmt

		Target, Value Expr
	}
	// AnnAssign is Target: Annotation = Value; Value may be nil.
	AnnAssign struct {
		isStmt

		Target, Annotation, Value Expr
	}
	// Keyworded is a statement of a keyword and expressions: return, del, raise,
	// assert. Raise X from Y has two.
	Keyworded struct {
		isStmt

		Word   string
		Values []Expr
	}
	// Bare is pass, break or continue.
	Bare struct {
		isStmt

		Word string
	}
	// Scoping is global or nonlocal.
	Scoping struct {
		isStmt

		Global bool
		Names  []string
	}
	// Import is import Names.
	Import struct {
		isStmt

		Names []Alias
	}
	// ImportFrom is from Module import Names; Level is how many dots it begins with.
	ImportFrom struct {
		isStmt

		Module string
		Level  int
		Names  []Alias // one of the name * for a star import
	}
	// FunctionDef is def.
	FunctionDef struct {
		isStmt

		Name       string
		NameAt     int32
		TypeParams []TypeParam
		Params     *Params
		Returns    Expr // may be nil
		Decorators []Expr
		Body       []Stmt
		Async      bool
	}
	// ClassDef is class.
	ClassDef struct {
		isStmt

		Name       string
		NameAt     int32
		TypeParams []TypeParam
		Bases      []Expr
		Keywords   []Keyword
		Decorators []Expr
		Body       []Stmt
	}
	// If is if, with every elif as a branch.
	If struct {
		isStmt

		Branches []Branch
		Else     []Stmt
	}
	// For is for Target in Iter.
	For struct {
		isStmt

		Target, Iter Expr
		Body, Else   []Stmt
		Async        bool
	}
	// While is while Test.
	While struct {
		isStmt

		Test       Expr
		Body, Else []Stmt
	}
	// With is with Items.
	With struct {
		isStmt

		Items []WithItem
		Body  []Stmt
		Async bool
	}
	// Try is try.
	Try struct {
		isStmt

		Body, Else, Finally []Stmt
		Handlers            []Handler
	}
	// Match is match Subject.
	Match struct {
		isStmt

		Subject Expr
		Cases   []Case
	}
	// TypeAlias is type Name = Value.
	TypeAlias struct {
		isStmt

		Name       *Name
		TypeParams []TypeParam
		Value      Expr
	}
	// Bad is the rest of a statement that does not parse, with what was read of it.
	Bad struct {
		isStmt

		Read []Expr
		Body []Stmt
	}
)

// Alias is Name as As in an import; As is empty where it is not given.
type Alias struct {
	Span

	Name, As string
}

// Branch is a test of an if and what it guards.
type Branch struct {
	Test Expr
	Body []Stmt
}

// WithItem is Context as Target; Target may be nil.
type WithItem struct{ Context, Target Expr }

// Handler is except Type as Name; Type may be nil and Name empty.
type Handler struct {
	Span

	Type Expr
	Name string
	Body []Stmt
}

// TypeParam is a type parameter (PEP 695).
type TypeParam struct {
	Name           string
	Bound, Default Expr // may be nil
}

// Case is case Pattern if Guard.
type Case struct {
	Pattern *Pattern
	Guard   Expr // may be nil
	Body    []Stmt
}

// Pattern is a pattern of a case. It calls nothing, however much it looks like it.
type Pattern struct {
	Span

	Value Expr       // of a value or class pattern; nil otherwise
	Names []string   // that it binds by itself
	Parts []*Pattern // within it
	Keys  []Expr     // of a mapping pattern
}
