package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/wire"
)

// deliveries lists the newest first. Its pages are led to by a cursor, as GitHub's are: new
// deliveries would move numbered pages.
func (a *API) deliveries(ctx context.Context, c *call) (answer, error) {
	id, err := idIn(c.params, "hook")
	if err != nil {
		return answer{}, err
	}
	query := c.r.URL.Query()
	before, err := cursorOf(query)
	if err != nil {
		return answer{}, err
	}
	size := pageOf(query).size
	found, err := a.Hooks.Deliveries(ctx, c.hookTarget(), id, before, size+1)
	if err != nil {
		return answer{}, err
	}
	list := make([]*wire.Object, 0, size)
	for _, d := range found[:min(size, len(found))] {
		list = append(list, wire.Delivery(d))
	}
	ans := ok(list)
	if len(found) > size {
		query.Set("cursor", strconv.FormatInt(found[size-1].ID, 10))
		next := withQuery(c.hooksURL()+"/"+c.params["hook"]+"/deliveries", query)
		ans.headers = http.Header{"Link": {fmt.Sprintf("<%s>; rel=%q", next, "next")}}
	}
	return ans, nil
}

// cursorOf reads ?cursor=: the id of the last delivery of the page before; 0 without one.
func cursorOf(query url.Values) (int64, error) {
	text := query.Get("cursor")
	if text == "" {
		return 0, nil
	}
	before, err := strconv.ParseInt(text, 10, 64)
	if err != nil || before < 1 {
		return 0, invalid(fieldError{Resource: "Hook", Field: "cursor", Code: "invalid", Message: "cursor is none that a list's Link header gave"})
	}
	return before, nil
}

func (a *API) delivery(ctx context.Context, c *call) (answer, error) {
	id, delivery, err := deliveryIn(c)
	if err != nil {
		return answer{}, err
	}
	found, err := a.Hooks.Delivery(ctx, c.hookTarget(), id, delivery)
	if err != nil {
		return answer{}, err
	}
	return ok(deliveryObject(found)), nil
}

func (a *API) redeliver(ctx context.Context, c *call) (answer, error) {
	id, delivery, err := deliveryIn(c)
	if err != nil {
		return answer{}, err
	}
	if err := a.Hooks.Redeliver(ctx, c.hookTarget(), id, delivery); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusAccepted, body: wire.New()}, nil
}

// deliveryIn returns the ids of hook and delivery in the path.
func deliveryIn(c *call) (hook, delivery int64, err error) {
	if hook, err = idIn(c.params, "hook"); err != nil {
		return 0, 0, err
	}
	delivery, err = idIn(c.params, "delivery")
	return hook, delivery, err
}

// deliveryObject is a delivery with what was sent, as an object, and what was answered, as a
// text. Before the first attempt there are no headers and no answer yet.
func deliveryObject(d store.Delivery) *wire.Object {
	o := wire.Delivery(d.Delivery)
	var answered any
	if d.Answer != (rehome.Answer{}) {
		answered = string(d.ResponseBody)
	}
	o.Add("url", d.URL,
		"request", wire.New("headers", d.RequestHeaders, "payload", json.RawMessage(d.Payload)),
		"response", wire.New("headers", d.ResponseHeaders, "payload", answered))
	return o
}
