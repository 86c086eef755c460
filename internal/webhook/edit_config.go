package webhook

import (
	"context"

	"rehome"
	"rehome/internal/store"
)

// ConfigEdit changes parts of a hook's configuration; nil fields stay as they are. An empty secret is none; one of stars,
// as clients send back what they were shown, stays what it is.
type ConfigEdit struct {
	URL         *string
	ContentType *string
	Secret      *rehome.Secret
	InsecureSSL bool // refused, as in Config
}

// EditConfig changes parts of a hook's configuration. Errors as with Hook and Create.
func (h *Hooks) EditConfig(ctx context.Context, at rehome.HookTarget, id int64, q ConfigEdit) (rehome.Hook, error) {
	changed, err := h.DB.ChangeHook(ctx, at, id, func(hook *store.Hook) error { return h.edit(hook, q) })
	return changed.Hook, err
}

func (h *Hooks) edit(hook *store.Hook, q ConfigEdit) (err error) {
	if q.URL != nil {
		if err := h.checkURL(*q.URL); err != nil {
			return err
		}
		hook.URL = *q.URL
	}
	if q.ContentType != nil {
		if hook.Form, err = checkContentType(*q.ContentType); err != nil {
			return err
		}
	}
	switch {
	case q.InsecureSSL:
		return errInsecure
	case q.Secret == nil, hook.Signed && stars(*q.Secret):
		return nil
	}
	return h.sign(hook, *q.Secret)
}
