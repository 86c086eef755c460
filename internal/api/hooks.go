package api

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/webhook"
	"rehome/internal/wire"
)

// hookTarget is whose webhooks the route is about.
func (c *call) hookTarget() rehome.HookTarget {
	if c.route.access == keepsOrgHooks {
		return rehome.HookTarget{OwnerID: c.org.ID}
	}
	return rehome.HookTarget{RepositoryID: c.repo.ID}
}

// hooksURL is where its webhooks are listed.
func (c *call) hooksURL() string {
	if c.route.access == keepsOrgHooks {
		return c.urls.Owner(c.org) + "/hooks"
	}
	return c.urls.Repository(c.repo) + "/hooks"
}

func (c *call) hookObject(h rehome.Hook) *wire.Object {
	if c.route.access == keepsOrgHooks {
		return wire.OrganizationHook(c.urls, c.org, h)
	}
	return wire.RepositoryHook(c.urls, c.repo, h)
}

func (a *API) hooks(ctx context.Context, c *call) (answer, error) {
	query := c.r.URL.Query()
	p := pageOf(query)
	found, total, err := a.Hooks.List(ctx, c.hookTarget(), p.number, p.size)
	if err != nil {
		return answer{}, err
	}
	list := make([]*wire.Object, 0, len(found))
	for _, h := range found {
		list = append(list, c.hookObject(h))
	}
	ans := ok(list)
	ans.headers = p.link(c.hooksURL(), query, int(total))
	return ans, nil
}

func (a *API) createHook(ctx context.Context, c *call) (answer, error) {
	f, err := readForm(c.w, c.r, "Hook")
	if err != nil {
		return answer{}, err
	}
	checkHookName(f)
	wanted := webhook.Create{Active: true}
	if config := readHookConfig(f); config != nil {
		wanted.Config = *config
	} else if !f.has("config") {
		f.fault("config", "missing_field", "config is missing")
	}
	if events := f.texts("events"); events != nil {
		wanted.Events = *events
	}
	if active := f.boolean("active"); active != nil {
		wanted.Active = *active
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	made, err := a.Hooks.Create(ctx, c.hookTarget(), c.caller.User(), wanted)
	if err != nil {
		return answer{}, hookTwice(c, err)
	}
	return created(c.hookObject(made), c.hooksURL()+"/"+strconv.FormatInt(made.ID, 10)), nil
}

func (a *API) hook(ctx context.Context, c *call) (answer, error) {
	found, err := a.hookInPath(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return ok(c.hookObject(found)), nil
}

func (a *API) hookInPath(ctx context.Context, c *call) (rehome.Hook, error) {
	id, err := idIn(c.params, "hook")
	if err != nil {
		return rehome.Hook{}, err
	}
	return a.Hooks.Hook(ctx, c.hookTarget(), id)
}

func (a *API) editHook(ctx context.Context, c *call) (answer, error) {
	id, err := idIn(c.params, "hook")
	if err != nil {
		return answer{}, err
	}
	f, err := readForm(c.w, c.r, "Hook")
	if err != nil {
		return answer{}, err
	}
	checkHookName(f)
	wanted := webhook.Edit{Config: readHookConfig(f), Events: f.texts("events"), Active: f.boolean("active")}
	if added := f.texts("add_events"); added != nil {
		wanted.AddEvents = *added
	}
	if removed := f.texts("remove_events"); removed != nil {
		wanted.RemoveEvents = *removed
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	changed, err := a.Hooks.Edit(ctx, c.hookTarget(), id, wanted)
	if err != nil {
		return answer{}, hookTwice(c, err)
	}
	return ok(c.hookObject(changed)), nil
}

func (a *API) deleteHook(ctx context.Context, c *call) (answer, error) {
	id, err := idIn(c.params, "hook")
	if err != nil {
		return answer{}, err
	}
	return noContent(), a.Hooks.Delete(ctx, c.hookTarget(), id)
}

func (a *API) pingHook(ctx context.Context, c *call) (answer, error) {
	id, err := idIn(c.params, "hook")
	if err != nil {
		return answer{}, err
	}
	return noContent(), a.Hooks.Ping(ctx, c.hookTarget(), id, c.caller.User())
}

// checkHookName: every webhook is called "web"; other names were services of GitHub's own.
func checkHookName(f *form) {
	if name := f.text("name"); name != nil && *name != "web" {
		f.fault("name", "invalid", `name is not "web"`)
	}
}

// readHookConfig returns what "config" says, nil when there is none or when it is no object.
// What is wrong inside is told as config.url and so on.
func readHookConfig(f *form) *webhook.Config {
	if !f.has("config") {
		return nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(f.values["config"], &values); err != nil {
		f.fault("config", "invalid", "config is not an object")
		return nil
	}
	inner := &form{values: map[string]json.RawMessage{}, resource: f.resource}
	for key, value := range values {
		inner.values["config."+key] = value
	}
	config := &webhook.Config{
		URL:         inner.required("config.url"),
		ContentType: orEmpty(inner.text("config.content_type")),
		Secret:      rehome.Secret(orEmpty(inner.text("config.secret"))),
		InsecureSSL: readInsecure(inner, "config.insecure_ssl"),
	}
	f.faults = append(f.faults, inner.faults...)
	return config
}

// readInsecure reads insecure_ssl, which clients send as a string, as a number and as a boolean.
func readInsecure(f *form, key string) bool {
	switch strings.Trim(string(f.values[key]), `"`) {
	case "", "null", "0", "false":
		return false
	case "1", "true":
		return true
	}
	f.fault(key, "invalid", key+` is not "0" or "1"`)
	return false
}

// hookTwice says in GitHub's words that the target has such a hook already.
func hookTwice(c *call, err error) error {
	if rehome.CodeOf(err) != rehome.AlreadyExists {
		return err
	}
	kind := "repository"
	if c.route.access == keepsOrgHooks {
		kind = "organization"
	}
	return invalid(fieldError{Resource: "Hook", Code: "custom", Message: "Hook already exists on this " + kind})
}
