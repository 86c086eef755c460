package api

import (
	"context"
	"errors"
	"strings"

	"rehome"
	"rehome/internal/webhook"
	"rehome/internal/wire"
)

func (a *API) hookConfig(ctx context.Context, c *call) (answer, error) {
	found, err := a.hookInPath(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return ok(wire.HookConfig(found)), nil
}

// editHookConfig changes the keys that are given; those of PATCH on the webhook itself replace all of them.
func (a *API) editHookConfig(ctx context.Context, c *call) (answer, error) {
	id, err := idIn(c.params, "hook")
	if err != nil {
		return answer{}, err
	}
	f, err := readForm(c.w, c.r, "Hook")
	if err != nil {
		return answer{}, err
	}
	wanted := webhook.ConfigEdit{URL: f.text("url"), ContentType: f.text("content_type"), InsecureSSL: readInsecure(f, "insecure_ssl")}
	if secret := f.text("secret"); secret != nil {
		given := rehome.Secret(*secret)
		wanted.Secret = &given
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	changed, err := a.Hooks.EditConfig(ctx, c.hookTarget(), id, wanted)
	if err != nil {
		return answer{}, hookTwice(c, withoutConfig(err))
	}
	return ok(wire.HookConfig(changed)), nil
}

// withoutConfig names a field at fault as the configuration by itself does.
func withoutConfig(err error) error {
	var cause *rehome.Error
	if !errors.As(err, &cause) || cause.Field == "" {
		return err
	}
	named := *cause
	named.Field = strings.TrimPrefix(cause.Field, "config.")
	return &named
}

// testHook does what GitHub does for a webhook that is not told of pushes: nothing. None is here.
func (a *API) testHook(ctx context.Context, c *call) (answer, error) {
	_, err := a.hookInPath(ctx, c)
	return noContent(), err
}
