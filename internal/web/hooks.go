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
	Total int64
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

type hookHandler func(*visit, hooksHere) error

// ofRepository lets in whoever may keep the hooks of the repository in the path.
func (w *Web) ofRepository(h hookHandler) http.HandlerFunc {
	return w.inRepository(func(v *visit) error {
		if !v.caller.KeepsHooksOf(v.repo.Owner.Login) {
			return errNoPage
		}
		return h(v, hooksHere{rehome.HookTarget{RepositoryID: v.repo.ID}, v.at("webhooks"), v.repo.FullName()})
	})
}

// ofOrganization lets in whoever may keep those of the organisation in the path.
func (w *Web) ofOrganization(h hookHandler) http.HandlerFunc {
	return w.signedIn(func(v *visit) error {
		owner, err := w.DB.OwnerByLogin(v.r.Context(), v.r.PathValue("org"))
		if err != nil && rehome.CodeOf(err) == rehome.NotFound || err == nil && (owner.Kind != rehome.Organization || !v.caller.KeepsOrgHooksOf(owner.Login)) {
			return errNoPage
		}
		if err != nil {
			return err
		}
		return h(v, hooksHere{rehome.HookTarget{OwnerID: owner.ID}, v.urls.Root + "/-/webhooks/" + owner.Login, owner.Login})
	})
}

func (w *Web) hooks(v *visit, here hooksHere) error {
	return w.hooksAgain(v, here, http.StatusOK, hookForm{}, nil)
}

func (w *Web) hooksAgain(v *visit, here hooksHere, status int, form hookForm, wrong *shownProblem) error {
	list, total, err := w.Hooks.List(v.r.Context(), here.target, 1, 100)
	if err != nil {
		return err
	}
	return w.page(v, status, "webhooks", "Webhooks of "+here.whose, hookList{At: here.at, Rows: list, Total: total, Form: form, Err: wrong})
}

func (w *Web) createHook(v *visit, here hooksHere) error {
	form := hookForm{URL: strings.TrimSpace(v.r.PostFormValue("url")), ContentType: v.r.PostFormValue("content_type")}
	_, err := w.Hooks.Create(v.r.Context(), here.target, v.caller.User(), webhook.Create{
		Config: webhook.Config{URL: form.URL, ContentType: form.ContentType, Secret: rehome.Secret(v.r.PostFormValue("secret"))}, Active: true,
	})
	if err == nil {
		return v.to(here.at)
	}
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		return err
	}
	shown := p.shown()
	return w.hooksAgain(v, here, p.status, form, &shown)
}

// deliveriesShown is how many a page lists.
const deliveriesShown = 30

func (w *Web) hook(v *visit, here hooksHere) error {
	ctx, id := v.r.Context(), id(v, "hook")
	h, err := w.Hooks.Hook(ctx, here.target, id)
	if err != nil {
		return err
	}
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	list, err := w.Hooks.Deliveries(ctx, here.target, id, before, deliveriesShown)
	if err != nil {
		return err
	}
	body := hookPage{At: here.at + "/" + strconv.FormatInt(id, 10), Hook: h, Deliveries: list}
	if len(list) == deliveriesShown {
		body.Older = body.At + "?before=" + strconv.FormatInt(list[len(list)-1].ID, 10)
	}
	return w.page(v, http.StatusOK, "webhook", "Webhook of "+here.whose, body)
}

// id reads a number of the path, 0 for what is none: nothing has that.
func id(v *visit, name string) int64 {
	n, err := strconv.ParseInt(v.r.PathValue(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (w *Web) editHook(v *visit, here hooksHere) error {
	ctx, id := v.r.Context(), id(v, "hook")
	var err error
	switch v.r.PostFormValue("do") {
	case "ping":
		err = w.Hooks.Ping(ctx, here.target, id, v.caller.User())
	case "delete":
		if err = w.Hooks.Delete(ctx, here.target, id); err == nil {
			return v.to(here.at)
		}
	case "activate", "rest":
		active := v.r.PostFormValue("do") == "activate"
		_, err = w.Hooks.Edit(ctx, here.target, id, webhook.Edit{Active: &active})
	default:
		return errNoPage
	}
	if err != nil {
		return err
	}
	return v.to(here.at + "/" + strconv.FormatInt(id, 10))
}

func (w *Web) redeliver(v *visit, here hooksHere) error {
	hook := id(v, "hook")
	if err := w.Hooks.Redeliver(v.r.Context(), here.target, hook, id(v, "delivery")); err != nil {
		return err
	}
	return v.to(here.at + "/" + strconv.FormatInt(hook, 10))
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
