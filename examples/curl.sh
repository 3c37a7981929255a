#!/bin/sh
# Asks for a warm transfer and follows it to its end, over HTTP: a line for each phase, as it becomes true.
#
#   URL=http://127.0.0.1:8089 TOKEN=… examples/curl.sh CHANNEL rr_support +14155550123 "The refund failed"
#
# CHANNEL is the caller's channel, or the agent's leg. The reason stands in JSON: no quotes or backslashes in it.
set -eu
URL=${URL:-http://127.0.0.1:8089}
request="{\"channel\": \"$1\", \"reason\": \"${4:-}\",
          \"destination\": {\"routing_rule_id\": \"$2\", \"sip_call_to\": \"$3\"}}"
ask() { curl -fsSN -H "Authorization: Bearer ${TOKEN:-}" -H 'Content-Type: application/json' "$@"; }

transfer=$(ask -d "$request" "$URL/v1/transfers" | sed 's/.*"transfer_id": *"\([^"]*\)".*/\1/')
ask "$URL/v1/transfers/$transfer/events" | sed -un 's/^data: //p'
