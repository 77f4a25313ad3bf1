package code

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What answers requests is known by its framework, and a parameter called request in other
// code is none.
func TestViewTwins(t *testing.T) {
	const load = "        return torch.load(%, weights_only=True)"
	body := func(what string) string { return strings.ReplaceAll(load, "%", what) }
	view := func(imports, base, def, what string) string {
		return imports + "\nclass V(" + base + "):\n    " + def + "\n" + body(what)
	}
	checkTwins(t, "a.py", "import io, os, torch\n", []twin{
		{"a view of Django", "PY040 high", "from django.http import JsonResponse\ndef v(request):\n    return torch.load(request.FILES['m'])", "from jobs import Job\ndef v(request):\n    return torch.load(request.path)"},
		{"the settings of Django alone", "PY040 high", "from django.shortcuts import render\ndef v(request):\n    return torch.load(request.GET['m'])", "from django.conf import settings\ndef v(request):\n    return torch.load(request.path)"},
		{"who asks is not what is asked", "PY040 high", "from django.shortcuts import render\ndef v(request):\n    return torch.load(request.POST.get('m'))", "from django.shortcuts import render\ndef v(request):\n    return torch.load(f'models/{request.user.pk}.pt')"},
		{"a class view", "PY040 high", view("from django.views import View", "View", "def post(self, request, name):", "name"), view("from views import View", "View", "def post(self, request, name):", "name")},
		{"a generic view", "PY040 high", view("from django.views.generic import DetailView as D", "D", "def helper(self):", "self.kwargs['name']"), view("from django.views.generic import DetailView as D", "D", "def helper(self):", "self.weights['name']")},
		{"a form", "PY040 high", view("from django.views.generic.edit import FormView", "FormView", "def form_valid(self, form):", "form.cleaned_data['m']"), view("from django.views.generic.edit import FormView", "FormView", "def other(self, form):", "form.cleaned_data['m']")},
		{"a view that derives from another of the file", "PY040 high", "from django.views import View\nclass B(View):\n    pass\n" + view("", "B", "def get(self, r, name):", "name"), "class B:\n    pass\n" + view("", "B", "def get(self, r, name):", "name")},
		{"DRF", "PY040 high", view("from rest_framework.views import APIView", "APIView", "def put(self, request):", "request.data['m']"), view("from rest_framework import serializers", "serializers.Serializer", "def put(self, request):", "request.data['m']")},
		{"a view set", "PY040 high", view("from rest_framework import viewsets", "viewsets.ModelViewSet", "def perform_create(self, serializer):", "serializer.validated_data['m']"), view("from rest_framework import viewsets", "viewsets.ModelViewSet", "def load(self, serializer):", "serializer.validated_data['m']")},
		{"an action", "PY040 high", view("from rest_framework import viewsets\nfrom rest_framework.decorators import action", "viewsets.ViewSet", "@action(detail=True)\n    def run(self, req, pk):", "pk"), view("from rest_framework import viewsets\nfrom jobs import action", "viewsets.ViewSet", "@action(detail=True)\n    def run(self, req, pk):", "pk")},
		{"api_view", "PY040 high", "from rest_framework.decorators import api_view\n@api_view(['GET'])\ndef v(req, name):\n    return torch.load(name)", "from jobs import api_view\n@api_view(['GET'])\ndef v(req, name):\n    return torch.load(name)"},
		{"require_POST", "PY040 high", "from django.views.decorators.http import require_POST\n@require_POST\ndef v(r, name):\n    return torch.load(name)", "from functools import cache\n@cache\ndef v(r, name):\n    return torch.load(name)"},
		{"a path of the same file", "PY040 high", "from django.urls import path\ndef v(r, name):\n    return torch.load(name)\nurlpatterns = [path('<str:name>', v)]", "from os import path\ndef v(r, name):\n    return torch.load(name)\nurlpatterns = [path('<str:name>', v)]"},
		{"Tornado", "PY040 high", view("import tornado.web", "tornado.web.RequestHandler", "def post(self):", "self.get_argument('m')"), view("import argparse", "argparse.Namespace", "def post(self):", "self.get_argument('m')")},
		{"the body of Tornado", "PY040 high", view("from tornado.web import RequestHandler", "RequestHandler", "def post(self):", "io.BytesIO(self.request.files['m'][0].body)"), view("from tornado.web import RequestHandler", "RequestHandler", "def post(self):", "self.settings['m']")},
		{"a path of Tornado", "PY040 high", view("from tornado.web import RequestHandler", "RequestHandler", "async def get(self, name):", "name"), view("from tornado.web import RequestHandler", "RequestHandler", "def initialize(self, name):", "name")},
		{"Tornado by a base of another file", "PY040 high", view("import tornado\nfrom base import Base", "Base", "def post(self):", "self.get_body_argument('m')"), view("from base import Base", "Base", "def post(self):", "self.get_argument('m')")},
		{"http.server", "PY040 high", view("from http.server import BaseHTTPRequestHandler as H", "H", "def do_POST(self):", "io.BytesIO(self.rfile.read(int(self.headers['Content-Length'])))"), view("from http import cookies", "cookies.Morsel", "def do_POST(self):", "io.BytesIO(self.rfile.read())")},
		{"its path", "PY040 high", view("import http.server", "http.server.SimpleHTTPRequestHandler", "def do_GET(self):", "'models' + self.path"), view("import http.server", "http.client.HTTPConnection", "def do_GET(self):", "'models' + self.path")},
		{"a socket", "PY040 high", "import socket\ns = socket.socket()\nconn, _ = s.accept()\ntorch.load(io.BytesIO(conn.recv(1 << 20)))", "from pipes import Pipe\ns = Pipe()\nconn, _ = s.accept()\ntorch.load(io.BytesIO(conn.recv(1 << 20)))"},
		{"a file of a socket", "PY040 high", "import socket\ndef f():\n    with socket.create_server(('', 1)) as s:\n        c, a = s.accept()\n        return torch.load(c.makefile('rb'))", "import socket\ndef f(s):\n    c, a = s.split()\n    return torch.load(c.makefile('rb'))"},
		{"a buffer that is filled", "PY040 high", "import socket\ndef f():\n    s = socket.socket()\n    c, a = s.accept()\n    b = bytearray(10)\n    c.recv_into(b)\n    return torch.load(io.BytesIO(b))", "import socket\ndef f(c):\n    b = bytearray(10)\n    c.recv_into(b)\n    return torch.load(io.BytesIO(b))"},
		{"aiohttp, added", "PY040 high", "from aiohttp import web\nasync def h(r):\n    return torch.load(io.BytesIO(await r.read()))\napp = web.Application()\napp.router.add_post('/x', h)", "from aiohttp import web\nasync def h(r):\n    return torch.load(io.BytesIO(await r.read()))\napp = web.Application()\napp.router.add_static('/x', h)"},
		{"aiohttp, listed", "PY040 high", "from aiohttp import web\nasync def h(r):\n    return torch.load(r.match_info['m'])\napp = web.Application()\napp.add_routes([web.post('/x', h)])", "from aiohttp import web\nasync def h(r):\n    return torch.load(r.app['m'])\nasync def g(request):\n    return torch.load(request.app['m'])\napp = web.Application()\napp.add_routes([web.post('/x', g)])"},
		{"aiohttp, decorated", "PY040 high", "from aiohttp import web\nroutes = web.RouteTableDef()\n@routes.post('/x')\nasync def h(request):\n    return torch.load(request.query['m'])", "from jobs import web\nroutes = web.RouteTableDef()\n@routes.get('/x')\nasync def h(request):\n    return torch.load(request.query['m'])"},
		{"a view of aiohttp", "PY040 high", view("from aiohttp import web", "web.View", "async def get(self):", "self.request.query['m']"), view("from aiohttp import web", "object", "async def get(self):", "self.request.query['m']")},
		{"Flask by a rule", "PY040 high", "from flask import Flask\ndef v(name):\n    return torch.load(name)\napp = Flask('x')\napp.add_url_rule('/<name>', 'v', v)", "from flask import Flask\ndef v(name):\n    return torch.load(name)\napp = Flask('x')\napp.add_template_filter(v, 'v')"},
		{"a view of Flask", "PY040 high", view("from flask.views import MethodView", "MethodView", "def get(self, name):", "name"), view("from flask.json.provider import JSONProvider", "JSONProvider", "def get(self, name):", "name")},
		{"Starlette by a route", "PY040 high", "from starlette.routing import Route\nasync def v(r):\n    return torch.load(r.path_params['m'])\nroutes = [Route('/', v)]", "from jobs import Route\nasync def v(r):\n    return torch.load(r.path_params['m'])\nroutes = [Route('/', v)]"},
		{"Litestar", "PY040 high", "from litestar import post\n@post('/')\nasync def v(name: str) -> None:\n    return torch.load(name)", "from letters import post\n@post('/')\nasync def v(name: str) -> None:\n    return torch.load(name)"},
		{"Falcon", "PY040 high", view("import falcon", "object", "def on_post(self, req, resp, name):", "req.bounded_stream"), view("import falcon", "object", "def on_load(self, req, resp, name):", "req.bounded_stream")},
		{"gRPC", "PY040 high", view("import m_pb2_grpc", "m_pb2_grpc.PredictorServicer", "def Load(self, request, context):", "request.path"), view("import m_pb2_grpc", "m_pb2_grpc.PredictorStub", "def Load(self, request, context):", "request.path")},
		{"Ray Serve", "PY040 high", "from ray import serve\n@serve.deployment(num_replicas=1)\nclass D:\n    async def __call__(self, request):\n        return torch.load((await request.json())['m'])", "from ray import serve\n@serve.deployment\nclass D:\n    async def load(self, request):\n        return torch.load(request.path)"},
		{"asyncio", "PY040 high", "import asyncio\nasync def h(reader, writer):\n    return torch.load(io.BytesIO(await reader.read()))\nasync def main():\n    await asyncio.start_server(h, '127.0.0.1', 1)", "import asyncio\nasync def h(reader, writer):\n    return torch.load(io.BytesIO(await reader.read()))\nasync def main():\n    await asyncio.wait_for(h, 1)"},
	})
}

// What is uploaded is followed to the file that it is written to.
func TestUploadTwins(t *testing.T) {
	f := func(body string) string {
		return "import shutil, tempfile\nfrom tempfile import mkstemp\nfrom fastapi import FastAPI, UploadFile\napp = FastAPI()\ndef save(fd, data):\n    with os.fdopen(fd, 'wb') as f:\n        f.write(data)\n" +
			"@app.post('/')\nasync def f(file: UploadFile):\n    fd, path = tempfile.mkstemp(suffix='.pt')\n    gd, other = mkstemp()\n    " + body + "\n    return torch.load(path, weights_only=False)"
	}
	checkTwins(t, "a.py", "import io, os, pickle, torch\n", []twin{
		{"by a descriptor", "PY040 critical", f("with os.fdopen(fd, 'wb') as out:\n        out.write(await file.read())"), f("with os.fdopen(gd, 'wb') as out:\n        out.write(await file.read())")},
		{"at once", "PY040 critical", f("os.fdopen(fd, 'wb').write(await file.read())"), f("os.fdopen(gd, 'wb').write(await file.read())")},
		{"by open", "PY040 critical", f("with open(fd, 'wb') as out:\n        shutil.copyfileobj(file.file, out)"), f("with open(gd, 'wb') as out:\n        shutil.copyfileobj(file.file, out)")},
		{"by os.write", "PY040 critical", f("os.write(fd, await file.read())"), f("os.write(gd, await file.read())")},
		{"by a function", "PY040 critical", f("save(fd, await file.read())"), f("save(gd, await file.read())")},
		{"to its path", "PY040 critical", f("open(path, 'wb').write(await file.read())"), f("open(other, 'wb').write(await file.read())")},
		{"to a constant", "PY040 critical", f("path = 'm.pt'\n    open('m.pt', 'wb').write(await file.read())\n    torch.load('m.pt', weights_only=False)"), f("open('m.pt', 'wb').write(await file.read())")},
	})
}

// A file that is named by a text is one, as it is by a variable.
func TestNamedFileTwins(t *testing.T) {
	const get = "import requests, subprocess\nfrom pathlib import Path\nURL = 'https://a.example/w.pt'\nDEST = 'w.pt'\ndef download(url, dest):\n    with open(dest, 'wb') as f:\n        f.write(requests.get(url).content)\ndef size(dest):\n    return os.path.getsize(dest)\n"
	const load = "    return torch.load('w.pt', weights_only=True)"
	f := func(body string) string { return get + "def f():\n    " + body + "\n" + load }
	shell := func(command string) string { return f("os.system(" + command + ")") }
	checkTwins(t, "a.py", "import io, os, pickle, torch\n", []twin{
		{"by a function", "PY042 medium", f("download(URL, 'w.pt')"), f("download(URL, 'v.pt')")},
		{"by one that only reads it", "PY042 medium", f("download(URL, dest='w.pt')"), f("size('w.pt')")},
		{"a path", "PY042 medium", f("download(URL, Path('w.pt'))"), f("download('w.pt', Path('v.pt'))")},
		{"too late", "PY042 medium", f("download(URL, 'w.pt')"), get + "def f():\n    m = torch.load('w.pt', weights_only=True)\n    download(URL, 'w.pt')\n    return m"},
		{"a constant of the module", "PY042 medium", get + "def f():\n    download(URL, DEST)\n    return torch.load(DEST, weights_only=True)", get + "def f():\n    download(URL, DEST)\n    return torch.load(URL, weights_only=True)"},
		{"a constant and its text", "PY042 medium", f("download(URL, DEST)"), get + "def f():\n    download(URL, DEST)\ndef g():\n" + load},
		{"curl", "PY042 medium", shell("'curl -L https://a.example/v.pt -o w.pt'"), shell("'curl -L https://a.example/w.pt -o v.pt'")},
		{"curl, options together", "PY042 medium", shell("'curl -sSLo w.pt https://a.example/v.pt'"), shell("'curl -T w.pt https://a.example/v.pt'")},
		{"curl, long", "PY042 medium", shell("'curl --output=w.pt https://a.example/v.pt'"), shell("'curl --out=w.pt https://a.example/v.pt'")},
		{"curl, by the address", "PY042 medium", shell("'curl -LO https://a.example/w.pt'"), shell("'curl -L https://a.example/w.pt'")},
		{"curl, redirected", "PY042 medium", shell("'curl -L https://a.example/v.pt > w.pt'"), shell("'cat v.pt > w.pt'")},
		{"curl behind something", "PY042 medium", shell("'mkdir -p m && curl -o w.pt https://a.example/v.pt'"), shell("'curl https://a.example/v.pt && cp -o w.pt'")},
		{"wget", "PY042 medium", shell("f'wget {URL} -O w.pt'"), shell("f'wget {URL} -O v.pt'")},
		{"wget, only looking", "PY042 medium", shell("'wget --spider https://a.example/w.pt && wget https://a.example/w.pt'"), shell("'wget -q --spider https://a.example/w.pt'")},
		{"one that writes beside it", "PY042 medium", get + "def push(path):\n    with open(path + '.r', 'rb') as f:\n        f.read()\n    with open(path, 'wb') as f:\n        f.write(requests.get(URL).content)\ndef f():\n    push('w.pt')\n" + load, get + "def push(path):\n    with open(path, 'rb') as f:\n        f.read()\n    with open(path + '.r', 'wb') as f:\n        f.write(requests.get(URL).content)\ndef f():\n    push('w.pt')\n" + load},
		{"wget, quoted", "PY042 medium", shell("f'wget -O \"w.pt\" {URL}'"), shell("f'wget -O \"{URL}.w.pt\" w.pt'")},
		{"wget, by the address", "PY042 medium", shell("'wget -q https://a.example/w.pt'"), shell("'wget -q https://a.example/w.pt -O v.pt'")},
		{"wget, by a constant", "PY042 medium", shell("f'wget {URL}'"), shell("f'wget -P m {URL}'")},
		{"wget, to the constant", "PY042 medium", shell("f'wget {URL} -O {DEST}'"), shell("f'wget {URL} -O x{DEST}'")},
		{"wget, put together", "PY042 medium", shell("'wget -O w.pt ' + url"), shell("'wget -O v.pt ' + url")},
		{"wget, formatted", "PY042 medium", shell("'wget %s -O w.pt' % url"), shell("'wget {} -O v.pt'.format(url)")},
		{"a command by its name", "PY042 medium", f("c = 'curl -o w.pt https://a.example/v.pt'\n    subprocess.run(c, shell=True)"), f("c = 'curl -o v.pt https://a.example/v.pt'\n    subprocess.run(c, shell=True)")},
		{"a list", "PY042 medium", f("subprocess.run(['wget', 'https://a.example/v.pt', '-O', 'w.pt'])"), f("subprocess.run(['wget', 'https://a.example/v.pt', '-O', 'v.pt'])")},
	})
}

func TestDownloadTwins(t *testing.T) {
	checkTwins(t, "a.py", "import io, os, pickle, torch\n", []twin{
		{"boto3", "PY042 high", "import boto3\ns3 = boto3.client('s3')\npickle.loads(s3.get_object(Bucket='b', Key='k')['Body'].read())", "import boto3\ns3 = boto3.client('s3')\ns3.put_object(Bucket='b', Key='k')\npickle.loads(open('k', 'rb').read())"},
		{"boto3 of elsewhere", "PY042 high", "import boto3\ndef f(s3):\n    return pickle.loads(s3.get_object(Bucket='b', Key='k')['Body'].read())", "from shelf import objects\ndef f(s):\n    return pickle.loads(s.get_object('k'))"},
		{"boto3 to a file", "PY042 high", "import boto3\nboto3.client('s3').download_file('b', 'k', 'm.pkl')\npickle.load(open('m.pkl', 'rb'))", "import boto3\nboto3.client('s3').download_file('b', 'k', 'n.pkl')\npickle.load(open('m.pkl', 'rb'))"},
		{"boto3 by names", "PY042 high", "import boto3\ndef f(p):\n    boto3.client('s3').download_file(Bucket='b', Key='k', Filename=p)\n    return pickle.load(open(p, 'rb'))", "import boto3\ndef f(p, q):\n    boto3.client('s3').download_file(Bucket='b', Key='k', Filename=q)\n    return pickle.load(open(p, 'rb'))"},
		{"a bucket", "PY042 high", "import boto3\ndef f(p):\n    boto3.resource('s3').Bucket('b').download_file('k', p)\n    return pickle.load(open(p, 'rb'))", "import boto3\ndef f(p):\n    boto3.resource('s3').Bucket('b').upload_file(p, 'k')\n    return pickle.load(open(p, 'rb'))"},
		{"boto3 to memory", "PY042 high", "import boto3\nb = io.BytesIO()\nboto3.client('s3').download_fileobj('b', 'k', b)\npickle.load(b)", "import boto3\nb = io.BytesIO()\nboto3.client('s3').upload_fileobj(b, 'b', 'k')\npickle.load(b)"},
		{"Google", "PY042 high", "from google.cloud import storage\npickle.loads(storage.Client().bucket('b').blob('k').download_as_bytes())", "from google.cloud import storage\nstorage.Client().bucket('b').blob('k').upload_from_filename('k')\npickle.load(open('k', 'rb'))"},
		{"Google to a file", "PY042 high", "from google.cloud import storage\ndef f(p):\n    blob = storage.Client().bucket('b').blob('k')\n    with open(p, 'wb') as o:\n        blob.download_to_file(o)\n    return pickle.load(open(p, 'rb'))", "def f(p, blob):\n    with open(p, 'wb') as o:\n        blob.dump_to(o)\n    return pickle.load(open(p, 'rb'))"},
		{"Azure", "PY042 high", "from azure.storage.blob import BlobServiceClient\ndef f(c):\n    return pickle.loads(c.get_blob_client('b', 'k').download_blob().readall())", "def f(c):\n    return pickle.loads(c.get_ink_client('b', 'k').download_blot().readall())"},
		{"Azure to a file", "PY042 high", "from azure.storage.blob import BlobClient\ndef f(c, p):\n    with open(p, 'wb') as o:\n        c.download_blob().readinto(o)\n    return pickle.load(open(p, 'rb'))", "def f(c, p):\n    with open(p, 'wb') as o:\n        c.snapshot().readinto(o)\n    return pickle.load(open(p, 'rb'))"},
		{"W&B", "PY042 high", "import wandb\nrun = wandb.init()\nd = run.use_artifact('m:latest').download()\npickle.load(open(os.path.join(d, 'm.pkl'), 'rb'))", "import wandb\nrun = wandb.init()\nrun.log_artifact('m.pkl')\npickle.load(open('m.pkl', 'rb'))"},
		{"a part of an artifact", "PY042 high", "import wandb\ndef f(run):\n    a = run.use_artifact('m:latest')\n    return pickle.load(open(a.get_path('m.pkl').download(), 'rb'))", "def f(run):\n    a = run.use_artifact('m:latest')\n    return pickle.load(open(a.get_path('m.pkl'), 'rb'))"},
		{"MLflow", "PY042 high", "from mlflow.tracking import MlflowClient\nc = MlflowClient()\npickle.load(open(c.download_artifacts('r', 'm.pkl'), 'rb'))", "from mlflow.tracking import MlflowClient\nc = MlflowClient()\nc.log_artifact('r', 'm.pkl')\npickle.load(open('m.pkl', 'rb'))"},
		{"fsspec", "PY042 high", "import fsspec\nwith fsspec.open('s3://b/m.pkl', 'rb') as f:\n    pickle.load(f)", "import fsspec\nwith fsspec.open('file:///opt/m.pkl', 'rb') as f:\n    pickle.load(f)"},
		{"fsspec, put together", "PY042 high", "import fsspec\ndef g(n):\n    with fsspec.open(f'simplecache::https://a.example/{n}', 'rb') as f:\n        return pickle.load(f)", "import fsspec\ndef g(n):\n    with fsspec.open(f'models/{n}', 'rb') as f:\n        return pickle.load(f)"},
		{"a file system", "PY042 high", "import s3fs\nfs = s3fs.S3FileSystem()\nwith fs.open('b/m.pkl', 'rb') as f:\n    pickle.load(f)", "import s3fs\nfs = s3fs.S3FileSystem()\nwith fs.open('b/m.pkl', 'rb') as f:\n    print(f)\npickle.load(open('m.pkl', 'rb'))"},
		{"httpx", "PY042 high", "import httpx\ndef f(u):\n    with httpx.Client() as c:\n        return pickle.loads(c.post(u).content)", "import httpx\ndef f(u, b):\n    with httpx.Client() as c:\n        c.post(u, content=b)\n    return pickle.loads(b)"},
		{"aiohttp", "PY042 high", "import aiohttp\nasync def f(u):\n    async with aiohttp.ClientSession() as s:\n        async with s.get(u) as r:\n            return pickle.loads(await r.read())", "import aiohttp\nasync def f(u, r):\n    async with aiohttp.ClientSession() as s:\n        await s.close()\n    return pickle.loads(r)"},
		{"SFTP", "PY042 high", "import paramiko\ndef f(p):\n    c = paramiko.SSHClient()\n    s = c.open_sftp()\n    s.get('/m.pkl', p)\n    return pickle.load(open(p, 'rb'))", "import paramiko\ndef f(p):\n    c = paramiko.SSHClient()\n    s = c.open_sftp()\n    s.put(p, '/m.pkl')\n    return pickle.load(open(p, 'rb'))"},
		{"FTP", "PY042 high", "import ftplib\ndef f(p):\n    with open(p, 'wb') as o:\n        ftplib.FTP('h').retrbinary('RETR m', o.write)\n    return pickle.load(open(p, 'rb'))", "import ftplib\ndef f(p):\n    with open(p, 'rb') as o:\n        ftplib.FTP('h').storbinary('STOR m', o)\n    return pickle.load(open(p, 'rb'))"},
	})
}

// A view is found through the addresses of another file, and the steps say so.
func TestServedElsewhere(t *testing.T) {
	const files = "-- shop/urls.py --\nfrom django.urls import path\nfrom . import views\nfrom .api import Load\nurlpatterns = [\n    path('m/<str:name>', views.show),\n    path('l/<str:name>', Load.as_view()),\n]\n" +
		"-- shop/__init__.py --\n-- shop/views.py --\nimport torch\ndef show(r, name):\n    return torch.load(name)\ndef other(r, name):\n    return torch.load(name)\n" +
		"-- shop/base.py --\nclass Base:\n    pass\n-- shop/api.py --\nimport torch\nfrom .base import Base\nclass Load(Base):\n    def get(self, r, name):\n        return torch.load(name)\n"
	want := []string{
		"shop/api.py:5:16 PY040 high: a user decides what torch.load loads here: what a request brings to Load.as_view()",
		"  shop/urls.py:6:5: path('l/<str:name>', Load.as_view())", "  line 5: torch.load(name)",
		"shop/views.py:3:12 PY040 high: a user decides what torch.load loads here: what a request brings to views.show",
		"  shop/urls.py:5:5: path('m/<str:name>', views.show)", "  line 3: torch.load(name)",
	}
	got := flowsOf(t, files, newTorch)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := flowsOf(t, strings.ReplaceAll(files, "django.urls", "os"), newTorch); len(got) > 0 {
		t.Errorf("os.path: %q", got)
	}
}

// The steps begin where the request comes in.
func TestViewSteps(t *testing.T) {
	_, all := look(t, "a.py", "import torch\nfrom tornado.web import RequestHandler\ndef get(p):\n    return torch.load(p)\nclass H(RequestHandler):\n    def post(self):\n        n = self.get_argument('m')\n        return get(n)\n", newTorch)
	var got []string
	for _, f := range all {
		if f.Rule == userModel.ID {
			for _, s := range f.Flow {
				got = append(got, s.Where.String()+" "+s.Text)
			}
		}
	}
	want := []string{"a.py:7:13 what a request brings (self.get_argument)", "a.py:8:16 get(n)", "a.py:4:12 torch.load(p)"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
