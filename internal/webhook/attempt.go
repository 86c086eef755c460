package webhook

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"runtime/debug"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/store"
)

// What is said of attempts that got no answer. Receivers' own words never are.
const (
	timedOut    = "timed out"
	unreachable = "failed to connect to host"
	unreadable  = "not sent: the server cannot read the secret any more; set it again"
	inactive    = "not sent: the webhook is not active any more"
	broken      = "not sent: something went wrong inside Rehome; the server's log has the details"
)

// attempt posts the delivery once and returns it with what came of that. The zero Answer means that ctx ended before one came.
func (h *Hooks) attempt(ctx context.Context, hook store.Hook, d store.Delivery) (tried store.Delivery) {
	d.URL, d.DeliveredAt, d.Answer = hook.URL, h.Clock(), rehome.Answer{}
	d.RequestHeaders, d.ResponseHeaders, d.ResponseBody = nil, nil, nil
	tried = d
	defer func() {
		if p := recover(); p != nil {
			h.Log.Error("panic while delivering a webhook", "hook", hook.ID, "delivery", d.ID, "panic", p, "stack", string(debug.Stack()))
			tried.Answer = rehome.Answer{Text: broken}
		}
		tried.Duration = max(h.Clock().Sub(d.DeliveredAt), 0)
	}()
	if !hook.Active && d.Event != rehome.EventPing && !d.Redelivery {
		tried.Answer.Text = inactive
		return tried
	}
	m, err := h.message(hook, d)
	if err != nil {
		h.Log.Error("read a webhook's secret", "hook", hook.ID, "err", err)
		tried.Answer.Text = unreadable
		return tried
	}
	tried.RequestHeaders = m.header
	within, stop := context.WithTimeout(ctx, h.limits.attempt)
	defer stop()
	got, err := h.post(within, hook.URL, m)
	switch {
	case err == nil:
		tried.Answer, tried.ResponseHeaders, tried.ResponseBody = got.answer, got.header, got.body
	case ctx.Err() == nil:
		h.Log.Debug("post a webhook", "hook", hook.ID, "delivery", d.ID, "err", errors.Unwrap(err))
		tried.Answer.Text = words(within, err)
	}
	return tried
}

// post sends m and reads the answer, a redirect as any other.
func (h *Hooks) post(ctx context.Context, to string, m message) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(m.body))
	if err != nil {
		return reply{}, err
	}
	for name, value := range m.header {
		r.Header[name] = []string{value} // not Set, which writes names its own way
	}
	resp, err := h.Client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	// A body that comes after a change of protocols does not end with the context by itself.
	defer context.AfterFunc(ctx, func() { resp.Body.Close() })()
	return readReply(resp), nil
}

// words says why there was no answer, fit to show.
func words(ctx context.Context, err error) string {
	var timeout interface{ Timeout() bool }
	switch e := rehome.AsError(err); {
	case e.Code == rehome.BlockedByPolicy:
		return e.Message
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return timedOut
	case e.Code == rehome.Unreachable:
		return unreachable + ": " + egress.Reason(err)
	}
	return unreachable
}
