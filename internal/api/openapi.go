package api

import "context"

// openapi answers with the description of this API.
func (a *API) openapi(context.Context, *call) (answer, error) { return answer{}, errNotFound }
