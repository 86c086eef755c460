package webhook

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // receivers of old check this signature
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/url"
	"strconv"

	"rehome"
	"rehome/internal/store"
)

// message is what is posted.
type message struct {
	header map[string]string // in the case the API documents
	body   []byte
}

// message makes what is posted to the hook. It fails when the hook's secret cannot be read.
func (h *Hooks) message(hook store.Hook, d store.Delivery) (message, error) {
	kind, target := "repository", hook.Target.RepositoryID
	if hook.Target.OwnerID != 0 {
		kind, target = "organization", hook.Target.OwnerID
	}
	m := message{body: d.Payload, header: map[string]string{
		"Accept":            "*/*",
		"Content-Type":      "application/json",
		"User-Agent":        h.agent,
		"X-GitHub-Delivery": d.GUID,
		"X-GitHub-Event":    d.Event,
		"X-GitHub-Hook-ID":  strconv.FormatInt(hook.ID, 10),

		"X-GitHub-Hook-Installation-Target-ID":   strconv.FormatInt(target, 10),
		"X-GitHub-Hook-Installation-Target-Type": kind,
	}}
	if hook.Form {
		m.header["Content-Type"] = "application/x-www-form-urlencoded"
		m.body = []byte("payload=" + url.QueryEscape(string(d.Payload)))
	}
	if hook.Secret == nil {
		return m, nil
	}
	secret, err := h.Seal.Unseal(hook.Secret)
	if err != nil {
		return m, err
	}
	m.header["X-Hub-Signature"] = "sha1=" + sign(sha1.New, secret, m.body)
	m.header["X-Hub-Signature-256"] = "sha256=" + sign(sha256.New, secret, m.body)
	return m, nil
}

func sign(by func() hash.Hash, secret rehome.Secret, body []byte) string {
	mac := hmac.New(by, []byte(secret))
	mac.Write(body) //nolint:errcheck // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}
