package guard

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// parent is where a request stands in a trace: W3C Trace Context, version 00.
type parent struct {
	trace   [16]byte
	span    [8]byte
	sampled bool
}

// readParent reads a traceparent header, which comes once and in lower case, or is
// as if it had not come.
func readParent(values []string) (p parent, ok bool) {
	if len(values) != 1 || len(values[0]) != 55 {
		return p, false
	}
	part := strings.Split(values[0], "-")
	if len(part) != 4 || part[0] != "00" || strings.ToLower(values[0]) != values[0] {
		return p, false
	}
	flags := [1]byte{}
	for i, to := range [][]byte{p.trace[:], p.span[:], flags[:]} {
		if len(part[i+1]) != 2*len(to) {
			return parent{}, false
		}
		if _, err := hex.Decode(to, []byte(part[i+1])); err != nil {
			return parent{}, false
		}
	}
	p.sampled = flags[0]&1 == 1
	return p, p.trace != [16]byte{} && p.span != [8]byte{}
}

// String is the header.
func (p parent) String() string {
	return fmt.Sprintf("00-%x-%x-0%d", p.trace, p.span, map[bool]int{true: 1}[p.sampled])
}

// child is the place of our own span: within the trace of the client, or in a new
// one.
func (t *tracer) child(client parent, had bool) parent {
	own := client
	if !had {
		putUint(own.trace[:8], rand.Uint64())              //nolint:gosec // it names a trace, and protects nothing
		putUint(own.trace[8:], rand.Uint64()|1)            //nolint:gosec // the same
		own.sampled = t != nil && rand.Float64() < t.ratio //nolint:gosec // the same
	}
	putUint(own.span[:], rand.Uint64()|1) //nolint:gosec // the same
	return own
}

func putUint(to []byte, n uint64) {
	for i := range to {
		to[i] = byte(n >> (8 * i))
	}
}

// tracer sends spans to a collector. What it cannot send in time is lost and
// counted: traces never hold up a request.
type tracer struct {
	url     string
	ratio   float64
	version string
	queue   chan spanRecord
	client  *http.Client
	meter   *meter
}

type spanRecord struct {
	own, up    parent
	hasUp      bool
	start, end time.Time
	name       string
	status     int
	code       string
	model      string
	protocol   string
	bytes      int64
}

const (
	spanQueue = 4096
	spanBatch = 512
	spanWait  = 2 * time.Second
)

func newTracer(c *Config, m *meter) *tracer {
	if c.Traces.Endpoint == "" {
		return nil
	}
	return &tracer{
		url: strings.TrimSuffix(c.Traces.Endpoint, "/") + "/v1/traces", ratio: c.Traces.Ratio, version: c.Version, meter: m,
		queue: make(chan spanRecord, spanQueue), client: &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (t *tracer) add(s spanRecord) {
	if t == nil || !s.own.sampled {
		return
	}
	select {
	case t.queue <- s:
	default:
		t.meter.spansLost.Inc()
	}
}

// run sends batches until ctx ends, and then what is left.
func (t *tracer) run(ctx context.Context) {
	if t == nil {
		return
	}
	tick := time.NewTicker(spanWait)
	defer tick.Stop()
	var batch []spanRecord
	for {
		least := 1
		select {
		case s := <-t.queue:
			batch, least = append(batch, s), spanBatch
		case <-tick.C:
		case <-ctx.Done():
			t.rest(context.WithoutCancel(ctx), batch)
			return
		}
		if len(batch) >= least {
			t.send(ctx, batch)
			batch = batch[:0]
		}
	}
}

func (t *tracer) rest(ctx context.Context, batch []spanRecord) {
	for {
		select {
		case s := <-t.queue:
			batch = append(batch, s)
			continue
		default:
		}
		break
	}
	if len(batch) > 0 {
		t.send(ctx, batch)
	}
}

func (t *tracer) send(ctx context.Context, batch []spanRecord) {
	if err := t.post(ctx, encodeSpans(t.version, batch)); err != nil {
		t.meter.spansLost.Add(len(batch))
		return
	}
	t.meter.spans.Add(len(batch))
}

func (t *tracer) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // nothing is wanted of it
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

// The JSON of OTLP: ids are in hexadecimal, 64-bit numbers are texts.
type (
	otlpValue struct {
		String *string `json:"stringValue,omitempty"`
		Int    string  `json:"intValue,omitempty"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpSpan struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		ParentID   string          `json:"parentSpanId,omitempty"`
		Name       string          `json:"name"`
		Kind       int             `json:"kind"`
		Start      string          `json:"startTimeUnixNano"`
		End        string          `json:"endTimeUnixNano"`
		Attributes []otlpAttribute `json:"attributes"`
		Status     struct {
			Code int `json:"code,omitempty"`
		} `json:"status"`
	}
	otlpScope struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpResource struct {
		Resource struct {
			Attributes []otlpAttribute `json:"attributes"`
		} `json:"resource"`
		Scopes []otlpScope `json:"scopeSpans"`
	}
	otlpBody struct {
		Resources []otlpResource `json:"resourceSpans"`
	}
)

func textAttribute(key, value string) otlpAttribute {
	return otlpAttribute{key, otlpValue{String: &value}}
}

func intAttribute(key string, n int64) otlpAttribute {
	return otlpAttribute{key, otlpValue{Int: strconv.FormatInt(n, 10)}}
}

// encodeSpans writes an ExportTraceServiceRequest.
func encodeSpans(version string, batch []spanRecord) []byte {
	var scope otlpScope
	scope.Scope.Name = "andiron/guard"
	for i := range batch {
		scope.Spans = append(scope.Spans, batch[i].otlp())
	}
	res := otlpResource{Scopes: []otlpScope{scope}}
	res.Resource.Attributes = []otlpAttribute{textAttribute("service.name", "andiron-guard"), textAttribute("service.version", version)}
	b, err := json.Marshal(otlpBody{[]otlpResource{res}})
	if err != nil { // texts and numbers always are JSON
		return nil
	}
	return b
}

func (s *spanRecord) otlp() otlpSpan {
	const server = 2
	o := otlpSpan{
		TraceID: hex.EncodeToString(s.own.trace[:]), SpanID: hex.EncodeToString(s.own.span[:]), Name: s.name, Kind: server,
		Start: strconv.FormatInt(s.start.UnixNano(), 10), End: strconv.FormatInt(s.end.UnixNano(), 10),
		Attributes: []otlpAttribute{intAttribute("http.response.status_code", int64(s.status)), intAttribute("http.request.body.size", s.bytes)},
	}
	if s.hasUp {
		o.ParentID = hex.EncodeToString(s.up.span[:])
	}
	for _, a := range []struct{ key, value string }{{"andiron.model", s.model}, {"andiron.protocol", s.protocol}, {"error.type", s.code}} {
		if a.value != "" {
			o.Attributes = append(o.Attributes, textAttribute(a.key, a.value))
		}
	}
	if s.status >= http.StatusInternalServerError {
		o.Status.Code = 2
	}
	return o
}
