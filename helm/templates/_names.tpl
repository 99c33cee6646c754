{{- define "weir.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "weir.labels" -}}
{{ include "weir.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "weir.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "weir.account" -}}
{{ .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "weir.name" .) "default") }}
{{- end }}

{{- define "weir.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{/* Pods run as nobody, write nowhere, and may do nothing that a process of theirs need not do. */}}
{{- define "weir.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "weir.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Which nodes its pods may run on: what `placed` of the values says. */}}
{{- define "weir.placement" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $ $key }}
{{ $key }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* The environment that tells a process where Redis is and who signs it; nothing where there is none. */}}
{{- define "weir.redisEnvironment" -}}
{{- if .Values.redis.external.caSecret }}
- {name: SSL_CERT_FILE, value: /etc/weir/redis/ca.crt}
{{- end }}
{{- if .Values.redis.enabled }}
- name: WEIR_REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "weir.redisSecret" . }}, key: {{ .Values.redis.auth.key }}}}
- name: WEIR_REDIS
  value: {{ printf "redis://:$(WEIR_REDIS_PASSWORD)@%s-redis:6379/0" (include "weir.name" .) | quote }}
{{- else if .Values.redis.external.existingSecret }}
- name: WEIR_REDIS
  valueFrom: {secretKeyRef: {name: {{ .Values.redis.external.existingSecret }}, key: url}}
{{- else if .Values.redis.external.url }}
- name: WEIR_REDIS
  value: {{ .Values.redis.external.url | quote }}
{{- end }}
{{- end }}

{{- define "weir.redisSecret" -}}
{{ .Values.redis.auth.existingSecret | default (printf "%s-redis" (include "weir.name" .)) }}
{{- end }}

{{- define "weir.hasRedis" -}}
{{- if or .Values.redis.enabled .Values.redis.external.url .Values.redis.external.existingSecret }}yes{{ end }}
{{- end }}

{{/* Whether the chart makes a pool's engines: it is told how, or they are nowhere else. */}}
{{- define "weir.makes" -}}
{{- if or (hasKey . "vllm") (not (or .addresses .discover)) }}yes{{ end }}
{{- end }}

{{/* What a pool's engines are made by. */}}
{{- define "weir.engineKind" -}}
{{ if gt (int ((.vllm | default dict).nodes | default 1)) 1 }}LeaderWorkerSet{{ else }}Deployment{{ end }}
{{- end }}

{{/* A pool as the fleet file has it: engines that the chart makes are found by their labels. */}}
{{- define "weir.fleetPool" -}}
{{- $pool := omit .pool "vllm" -}}
{{- if include "weir.makes" .pool -}}
{{- $labels := printf "app.kubernetes.io/instance=%s,weir.dev/pool=%s" .root.Release.Name .pool.name -}}
{{- $target := printf "%s/%s-%s" (include "weir.engineKind" .pool) (include "weir.name" .root) .pool.name -}}
{{- $found := dict "pods" $labels "port" 8000 "events_port" 5557 "replay_port" 5558 "target" $target -}}
{{- $pool = merge (dict "discover" $found) (omit $pool "replicas") -}}
{{- end -}}
{{ toYaml $pool }}
{{- end }}
