package code

import "testing"

// A number, or one of a few values, is no path that somebody chose, where the framework
// holds it against that.
func TestBoundedTwins(t *testing.T) {
	fast := func(n string) string {
		return "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/{n}')\ndef f(" + n + "):\n    return torch.load(f'm/{n}.pt', weights_only=True)"
	}
	flask := func(route, n string) string {
		return "from flask import Flask\napp = Flask('x')\n@app.route('" + route + "')\ndef f(" + n + "):\n    return torch.load(f'm/{n}.pt', weights_only=True)"
	}
	args := func(option string) string {
		return "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n'" + option + ")\nargs = p.parse_args()\ntorch.load(f'm/{args.n}.pt', weights_only=False)"
	}
	click := func(option string) string {
		return "import click\n@click.command()\n@click.option('--n'" + option + ")\ndef f(n):\n    torch.load(f'm/{n}.pt', weights_only=False)"
	}
	asked := func(as string) string {
		return "from flask import request\ndef f():\n    n = request.args.get('n'" + as + ")\n    return torch.load(f'm/{n}.pt', weights_only=True)"
	}
	checkTwins(t, "a.py", "import enum, torch, uuid\nfrom typing import Annotated, Literal, Optional\nclass Size(str, enum.Enum):\n    A = 'a'\nclass Free(str):\n    A = 'a'\n", []twin{
		{"a number", "PY040 high", fast("n: str"), fast("n: int")},
		{"perhaps a number", "PY040 high", fast("n: str | int"), fast("n: Optional[int] = None")},
		{"with a remark", "PY040 high", fast("n: Annotated[str, 1]"), fast("n: Annotated[int, 'str']")},
		{"an enumeration", "PY040 high", fast("n: Free"), fast("n: Size")},
		{"literals", "PY040 high", fast("n: Optional[str]"), fast("n: Literal['a', 'b']")},
		{"a UUID", "PY040 high", fast("n"), fast("n: uuid.UUID")},
		{"a converter of Flask", "PY040 high", flask("/<path:n>", "n"), flask("/<int:n>", "n")},
		{"one that Flask does not hold it against", "PY040 high", flask("/<n>", "n: int"), flask("/<any(a, b):n>", "n")},
		{"a converter of Django", "PY040 high", "from django.urls import path\ndef v(r, n):\n    return torch.load(n)\nu = [path('<str:n>', v)]", "from django.urls import path\ndef v(r, n):\n    return torch.load(n)\nu = [path('<int:n>', v)]"},
		{"a type that is asked for", "PY040 high", asked(", type=str"), asked(", type=int")},
		{"an option of argparse", "PY041 medium", args(""), args(", type=int")},
		{"choices of argparse", "PY041 medium", args(", type=str"), args(", choices=['a', 'b']")},
		{"an option that is no attribute", "PY041 medium", "import argparse\nclass A:\n    def __init__(self, p):\n        self.n = p\n    def load(self):\n        torch.load(self.n, weights_only=False)\np = argparse.ArgumentParser()\np.add_argument('--n', choices=['a'])\np.add_argument('--p')\nA(p.parse_args().p).load()", "import argparse\ndef load(args):\n    torch.load(args.n, weights_only=False)\np = argparse.ArgumentParser()\np.add_argument('--n', choices=['a'])\nload(p.parse_args())"},
		{"an option of click", "PY041 medium", click(""), click(", type=int")},
		{"choices of click", "PY041 medium", click(", type=click.Path()"), click(", type=click.Choice(['a', 'b'])")},
		{"absl", "PY041 medium", "from absl import app\ndef main(argv):\n    torch.load(argv[1], weights_only=False)\napp.run(main)", "from absl import app\ndef main(argv):\n    torch.load('m.pt', weights_only=False)\napp.run(main)"},
		{"environs", "PY041 medium", "import environs\nenv = environs.Env()\ntorch.load(env('M'), weights_only=False)", "import environs\nenv = environs.Env()\ntorch.load(f\"{env.int('M')}.pt\", weights_only=False)"},
		{"environs by a type", "PY041 medium", "from environs import Env\nenv = Env()\ntorch.load(env.str('M'), weights_only=False)", "from environs import Env\nenv = Env()\ntorch.load('m.pt', map_location=env.str('D'), weights_only=False)"},
		{"a variable in a path", "PY041 medium", "import os\ntorch.load(os.path.expandvars('$M/m.pt'), weights_only=False)", "import os\ntorch.load(os.path.expandvars('m.pt'), weights_only=False)"},
		{"typer", "PY041 medium", "import typer\napp = typer.Typer()\n@app.command()\ndef f(n: str):\n    torch.load(f'm/{n}.pt', weights_only=False)", "import typer\napp = typer.Typer()\n@app.command()\ndef f(n: int):\n    torch.load(f'm/{n}.pt', weights_only=False)"},
	})
}

// A field of what a request brings is a number or one of a few values, where its class says
// so and is held against that.
func TestFieldTwins(t *testing.T) {
	const classes = "import enum, torch, uuid\nimport dataclasses\nimport pydantic.dataclasses\nfrom fastapi import FastAPI, Query\nfrom pydantic import BaseModel, PlainValidator, field_validator, model_validator, validator\nfrom typing import Annotated, Literal, Optional\napp = FastAPI()\n" +
		"class Size(enum.Enum):\n    A = 'a'\nclass In(BaseModel):\n    n: int\n    k: Literal['a', 'b'] = 'a'\n    s: str\n    o: Optional[Size] = None\n    p: Annotated[int, PlainValidator(str)]\n    m: int\n    def set(self):\n        self.m = self.s\n" +
		"class Sub(In):\n    k: str\n    u: uuid.UUID\nclass Outer(BaseModel):\n    inner: In\n    raw: dict\n@dataclasses.dataclass\nclass Data:\n    n: int\n@pydantic.dataclasses.dataclass\nclass Held:\n    n: int\nclass Plain:\n    n: int\n" +
		"class Lax(In):\n    @validator('n', always=True)\n    def own(cls, v, values):\n        return values['s']\nclass Whole(In):\n    @model_validator(mode='after')\n    def own(self):\n        return self\nclass Reused(In):\n    own = validator('n', allow_reuse=True)(str)\n" +
		"class Hid(In):\n    @property\n    def n(self):\n        return self.s\nclass Grown(str, enum.Enum):\n    A = 'a'\n    @classmethod\n    def _missing_(cls, v):\n        return v\nclass Sized(BaseModel):\n    size: Size\n    grown: Grown\n    lax: Lax\n" +
		"class Loose(BaseModel):\n    n: int\n    @field_validator('n', mode='plain')\n    def any(cls, v):\n        return v\n"
	f := func(of, part string) string {
		return "@app.post('/')\ndef f(x: " + of + ", y: str):\n    return torch.load(f'm/{" + part + "}.pt', weights_only=True)"
	}
	checkTwins(t, "a.py", classes, []twin{
		{"a number", "PY040 high", f("In", "x.s"), f("In", "x.n")},
		{"literals", "PY040 high", f("In", "x"), f("In", "x.k")},
		{"two of them", "PY040 high", f("In", "x.n}-{x.s"), f("In", "x.n}-{x.k")},
		{"the value of an enumeration", "PY040 high", f("In", "x.missing"), f("In", "x.o.value")},
		{"a field that is inherited", "PY040 high", f("Sub", "x.k"), f("Sub", "x.n}{x.u")},
		{"a field of a field", "PY040 high", f("Outer", "x.inner.s"), f("Outer", "x.inner.n")},
		{"a field of a dictionary", "PY040 high", f("Outer", "x.raw.n"), f("Optional[Outer]", "x.inner.k")},
		{"a field that nothing enforces", "PY040 high", f("In", "x.p"), f("Annotated[In, Query()]", "x.n")},
		{"a field that a method sets", "PY040 high", f("In", "x.m"), f("In | None", "x.n")},
		{"a dataclass", "PY040 high", f("Data", "x.n"), f("Held", "x.n")},
		{"a plain class", "PY040 high", f("Plain", "x.n"), f("In", "x.n")},
		{"a validator of its own", "PY040 high", f("Loose", "x.n"), f("In", "x.n")},
		{"a validator of a subclass", "PY040 high", f("Lax", "x.n"), f("Lax", "x.k")},
		{"a validator of the class of a field", "PY040 high", f("Sized", "x.lax.n"), f("Sized", "x.lax.k")},
		{"a validator of all", "PY040 high", f("Whole", "x.n"), f("Lax", "x.k")},
		{"a validator that is a function", "PY040 high", f("Reused", "x.n"), f("Reused", "x.k")},
		{"a property in its place", "PY040 high", f("Hid", "x.n"), f("Hid", "x.k")},
		{"an enumeration that makes members", "PY040 high", f("Sized", "x.grown.value"), f("Sized", "x.size.value")},
		{"a framework that enforces nothing", "PY040 high", "import flask\nweb = flask.Flask('x')\n@web.route('/')\ndef f(x: In):\n    return torch.load(f'm/{x.n}.pt')", f("In", "x.n")},
		{"a field that is set", "PY040 high", "@app.post('/')\ndef f(x: In):\n    x.n = x.s\n    return torch.load(f'm/{x.n}.pt')", "@app.post('/')\ndef f(x: In):\n    n = x.n\n    return torch.load(f'm/{n}.pt')"},
		{"a name that is bound anew", "PY040 high", "@app.post('/')\ndef f(x: In, y: Plain):\n    x = y\n    return torch.load(f'm/{x.n}.pt')", "@app.post('/')\ndef f(x: In, y: Plain):\n    y = x\n    return torch.load(f'm/{x.n}.pt')"},
		{"what a function is given", "PY040 high", "def g(n):\n    return torch.load(f'm/{n}.pt')\n@app.post('/')\ndef f(x: In):\n    return g(x.s)", "def g(n):\n    return torch.load(f'm/{n}.pt')\n@app.post('/')\ndef f(x: In):\n    return g(x.n)"},
	})
}

// What a user of a page types in is as good as an upload; what is chosen of a few is not.
func TestPageTwins(t *testing.T) {
	checkTwins(t, "a.py", "import torch\nimport gradio as gr\nimport streamlit as st\n", []twin{
		{"a line", "PY040 high", "torch.load(st.text_input('x'))", "torch.load(st.selectbox('x', ['a', 'b']))"},
		{"in the sidebar", "PY040 high", "n = st.sidebar.text_area('x')\ntorch.load(n)", "n = st.sidebar.radio('x', ['a', 'b'])\ntorch.load(n)"},
		{"an upload in the sidebar", "PY040 high", "torch.load(st.sidebar.file_uploader('x'))", "st.sidebar.file_uploader('x')\ntorch.load('x')"},
		{"a chat", "PY040 high", "n = st.chat_input('x')\ntorch.load(f'm/{n}')", "n = st.slider('x')\ntorch.load(f'm/{n}')"},
		{"the address", "PY040 high", "torch.load(st.query_params['m'])", "torch.load(st.secrets['m'])"},
		{"a lambda", "PY040 high", "gr.Interface(fn=lambda p: torch.load(p), inputs='text')", "map(lambda p: torch.load(p), ['a'])"},
		{"several events", "PY040 high", "def f(v):\n    return torch.load(v)\ngr.on([], fn=f)", "def f(v):\n    return torch.load(v)\nprint([], f)"},
		{"a decorator", "PY040 high", "d = gr.Textbox()\n@d.submit(inputs=d)\ndef f(v):\n    return torch.load(v)", "d = gr.Textbox()\n@d.submitted(inputs=d)\ndef f(v):\n    return torch.load(v)"},
		{"a tensor of Triton", "PY040 high", "import triton_python_backend_utils as pb_utils\ndef f(r):\n    return torch.load(pb_utils.get_input_tensor_by_name(r, 'P').as_numpy()[0].decode())", "import triton_python_backend_utils as pb_utils\ndef f(r):\n    return torch.load(pb_utils.get_model_dir())"},
		{"a parser of requests", "PY040 high", "from flask_restful import reqparse\np = reqparse.RequestParser()\np.add_argument('m')\na = p.parse_args()\ntorch.load(a['m'])", "from flask_restful import reqparse\np = reqparse.RequestParser()\np.add_argument('m', type=int)\na = p.parse_args()\ntorch.load(a['m'])"},
	})
}
