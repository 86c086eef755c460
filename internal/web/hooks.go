package web

import (
	"net/http"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/webhook"
)

// hookList is the page of the webhooks of a repository or an organisation.
type hookList struct {
	At    string // base of its URLs
	Rows  []rehome.Hook
	Pages pager
	Form  hookForm
	Err   *shownProblem
}

// hookForm is what a new one is to be.
type hookForm struct {
	URL         string
	ContentType string
}

// hookPage is one of them, with what was sent.
type hookPage struct {
	At         string
	Hook       rehome.Hook
	Deliveries []rehome.Delivery
	Older      string
}

// hooksHere is the target of the pages below a path: the repository's hooks, or those of an organisation.
type hooksHere struct {
	target rehome.HookTarget
	at     string
	whose  string
}

func (w *Web) hooks(v *visit) error {
	return w.hooksAgain(v, http.StatusOK, hookForm{}, nil)
}

func (w *Web) hooksAgain(v *visit, status int, form hookForm, wrong *shownProblem) error {
	query := v.r.URL.Query()
	page := max(number(query.Get("page")), 1)
	list, total, err := w.Hooks.List(v.r.Context(), v.hooks.target, page, perPage)
	if err != nil {
		return err
	}
	return w.page(v, status, "webhooks", "Webhooks of "+v.hooks.whose, hookList{At: v.hooks.at, Rows: list, Pages: pagesOf(v.hooks.at, query, page, int(total)), Form: form, Err: wrong})
}

func (w *Web) createHook(v *visit) error {
	form := hookForm{URL: strings.TrimSpace(v.r.PostFormValue("url")), ContentType: v.r.PostFormValue("content_type")}
	_, err := w.Hooks.Create(v.r.Context(), v.hooks.target, v.caller.User(), webhook.Create{
		Config: webhook.Config{URL: form.URL, ContentType: form.ContentType, Secret: rehome.Secret(v.r.PostFormValue("secret"))}, Active: true,
	})
	if err == nil {
		return v.to(v.hooks.at)
	}
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		return err
	}
	shown := p.shown()
	return w.hooksAgain(v, p.status, form, &shown)
}

// deliveriesShown is how many a page lists.
const deliveriesShown = 30

func (w *Web) hook(v *visit) error {
	ctx, id := v.r.Context(), id(v, "hook")
	h, err := w.Hooks.Hook(ctx, v.hooks.target, id)
	if err != nil {
		return err
	}
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	list, err := w.Hooks.Deliveries(ctx, v.hooks.target, id, before, deliveriesShown)
	if err != nil {
		return err
	}
	body := hookPage{At: v.hooks.at + "/" + strconv.FormatInt(id, 10), Hook: h, Deliveries: list}
	if len(list) == deliveriesShown {
		body.Older = body.At + "?before=" + strconv.FormatInt(list[len(list)-1].ID, 10)
	}
	return w.page(v, http.StatusOK, "webhook", "Webhook of "+v.hooks.whose, body)
}

// id reads a number of the path, 0 for what is none: nothing has that.
func id(v *visit, name string) int64 {
	n, err := strconv.ParseInt(v.r.PathValue(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (w *Web) editHook(v *visit) error {
	ctx, id := v.r.Context(), id(v, "hook")
	var err error
	switch v.r.PostFormValue("do") {
	case "ping":
		err = w.Hooks.Ping(ctx, v.hooks.target, id, v.caller.User())
	case "delete":
		if err = w.Hooks.Delete(ctx, v.hooks.target, id); err == nil {
			return v.to(v.hooks.at)
		}
	case "activate", "rest":
		active := v.r.PostFormValue("do") == "activate"
		_, err = w.Hooks.Edit(ctx, v.hooks.target, id, webhook.Edit{Active: &active})
	default:
		return errNoPage
	}
	if err != nil {
		return err
	}
	return v.to(v.hooks.at + "/" + strconv.FormatInt(id, 10))
}

func (w *Web) redeliver(v *visit) error {
	hook := id(v, "hook")
	if err := w.Hooks.Redeliver(v.r.Context(), v.hooks.target, hook, id(v, "delivery")); err != nil {
		return err
	}
	return v.to(v.hooks.at + "/" + strconv.FormatInt(hook, 10))
}

// webhooks leads to those of the organisations a caller keeps; those of repositories are beside their imports.
func (w *Web) webhooks(v *visit) error {
	var mine []string
	for _, login := range v.caller.Token.Owners {
		if v.caller.KeepsOrgHooksOf(login) {
			mine = append(mine, login)
		}
	}
	return w.page(v, http.StatusOK, "webhook-owners", "Webhooks", mine)
}
