package api

import "context"

func (a *API) deliveries(context.Context, *call) (answer, error) { return answer{}, errNotFound }
func (a *API) delivery(context.Context, *call) (answer, error)   { return answer{}, errNotFound }
func (a *API) redeliver(context.Context, *call) (answer, error)  { return answer{}, errNotFound }
