package wire

import (
	"strconv"

	"rehome"
)

// RepositoryHook is a repository's webhook. Its secret is shown as stars.
func RepositoryHook(u URLs, r rehome.Repository, h rehome.Hook) *Object {
	at := u.RepositoryHook(r, h.ID)
	o := hook("Repository", at, h)
	o.Add("test_url", at+"/test", "last_response", lastResponse(h.Last))
	return o
}

// OrganizationHook is an organisation's webhook.
func OrganizationHook(u URLs, owner rehome.Owner, h rehome.Hook) *Object {
	return hook("Organization", u.OrganizationHook(owner, h.ID), h)
}

// RepositoryHook is the API's URL of a repository's webhook.
func (u URLs) RepositoryHook(r rehome.Repository, id int64) string {
	return u.Repository(r) + "/hooks/" + strconv.FormatInt(id, 10)
}

// OrganizationHook is the API's URL of an organisation's webhook.
func (u URLs) OrganizationHook(o rehome.Owner, id int64) string {
	return u.Owner(o) + "/hooks/" + strconv.FormatInt(id, 10)
}

func hook(kind, at string, h rehome.Hook) *Object {
	return New(
		"type", kind, "id", h.ID, "name", "web", "active", h.Active, "events", h.Events, "config", HookConfig(h),
		"updated_at", Stamp(h.UpdatedAt), "created_at", Stamp(h.CreatedAt),
		"url", at, "ping_url", at+"/pings", "deliveries_url", at+"/deliveries",
	)
}

// HookConfig is where and how a hook is told. The secret is never shown.
func HookConfig(h rehome.Hook) *Object {
	config := New("content_type", contentType(h), "insecure_ssl", "0")
	if h.Signed {
		config.Add("secret", "********")
	}
	config.Add("url", h.URL)
	return config
}

func contentType(h rehome.Hook) string {
	if h.Form {
		return "form"
	}
	return "json"
}

func lastResponse(a rehome.Answer) *Object {
	switch {
	case a == rehome.Answer{}:
		return New("code", nil, "status", "unused", "message", nil)
	case a.OK():
		return New("code", a.Code, "status", "active", "message", a.Text)
	case a.Code == 0:
		return New("code", nil, "status", "connection_error", "message", a.Text)
	}
	return New("code", a.Code, "status", "misconfigured", "message", a.Text)
}

// Delivery is a delivery as lists show it. How often it was tried and when it is tried again is our own.
func Delivery(d rehome.Delivery) *Object {
	status, at := d.Answer.Text, d.DeliveredAt
	if d.Attempts == 0 || d.Answer == (rehome.Answer{}) {
		status, at = "pending", d.CreatedAt
	}
	o := New("id", d.ID, "guid", d.GUID, "delivered_at", Stamp(at), "redelivery", d.Redelivery, "duration", d.Duration.Seconds(),
		"status", status, "status_code", d.Answer.Code, "event", d.Event, "action", nil, "installation_id", nil)
	if d.RepositoryID != 0 {
		o.Add("repository_id", d.RepositoryID)
	} else {
		o.Add("repository_id", nil)
	}
	o.Add("throttled_at", nil, "attempts", d.Attempts, "next_attempt_at", Stamp(d.NextAttemptAt))
	return o
}
