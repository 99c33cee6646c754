{{/* The script with which the nodes of one engine find each other; it is in vLLM's image. */}}
{{- define "weir.together" -}}
/vllm-workspace/examples/online_serving/multi-node-serving.sh
{{- end }}

{{/* What vLLM loads: as said, or the name of a repository that clients ask for, or where the profile was read from. */}}
{{- define "weir.weights" -}}
{{- $known := .root.Files.Get "files/weights.yaml" | fromYaml -}}
{{- $served := .pool.served_name | default "" -}}
{{- $found := .vllm.weights | default (contains "/" $served | ternary $served (get $known .pool.model)) -}}
{{- if not $found -}}
{{- fail (printf "pools: %s: say what vLLM loads as vllm.weights: nothing is known for the model %s" .pool.name .pool.model) -}}
{{- end -}}
{{ $found }}
{{- end }}

{{/* The GPUs of one pod: a replica's are shared out over its nodes. */}}
{{- define "weir.gpusPerNode" -}}
{{- $gpus := int (.pool.gpus_per_replica | default 1) -}}
{{- $nodes := int (.vllm.nodes | default 1) -}}
{{- if mod $gpus $nodes -}}
{{- fail (printf "pools: %s: %d GPUs a replica do not divide over %d nodes" .pool.name $gpus $nodes) -}}
{{- end -}}
{{ div $gpus $nodes }}
{{- end }}

{{/* The pod of one engine, or of one of its nodes: {root, pool, vllm, part}; part: leader, worker, or empty where there
is one node. A worker computes for its leader and answers nobody. */}}
{{- define "weir.enginePod" -}}
{{- $pool := .pool -}}
{{- $vllm := .vllm -}}
{{- $engine := $pool.engine | default dict -}}
{{- $worker := eq (.part | default "") "worker" -}}
serviceAccountName: {{ $vllm.serviceAccountName | default "default" }}
automountServiceAccountToken: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
# Longer than a router waits for its streams: an engine that is told to stop serves what it has.
terminationGracePeriodSeconds: {{ $vllm.terminationGraceSeconds | default 120 }}
securityContext:
  seccompProfile: {type: RuntimeDefault}
containers:
  - name: vllm
    image: {{ $vllm.image | default "vllm/vllm-openai:v0.11.0" }}
    {{- if $worker }}
    command: [bash, {{ include "weir.together" . }}, worker, --ray_address=$(LWS_LEADER_ADDRESS)]
    {{- else if eq (.part | default "") "leader" }}
    command: [bash, -c, 'bash {{ include "weir.together" . }} leader --ray_cluster_size=$LWS_GROUP_SIZE && exec vllm serve "$@"', vllm]
    {{- else }}
    command: [vllm, serve]
    {{- end }}
    {{- if not $worker }}
    args:
      - {{ include "weir.weights" . | quote }}
      - --served-model-name={{ $pool.served_name | default $pool.model }}
      - --host=0.0.0.0
      - --port=8000
      - --tensor-parallel-size={{ include "weir.gpusPerNode" . }}
      {{- if gt (int ($vllm.nodes | default 1)) 1 }}
      - --pipeline-parallel-size={{ $vllm.nodes }}
      - --distributed-executor-backend=ray
      {{- end }}
      - --max-num-seqs={{ $engine.max_num_seqs | default 256 | int64 }}
      - --max-num-batched-tokens={{ $engine.max_num_batched_tokens | default 8192 | int64 }}
      - --block-size={{ $engine.block_size | default 16 | int64 }}
      - --gpu-memory-utilization={{ $engine.gpu_memory_utilization | default 0.9 }}
      {{- with $engine.max_model_len }}
      - --max-model-len={{ . | int64 }}
      {{- end }}
      - --enable-prefix-caching
      - --enable-prompt-tokens-details
      - --kv-events-config={{ dict "enable_kv_cache_events" true "publisher" "zmq" "endpoint" "tcp://*:5557" "replay_endpoint" "tcp://*:5558" "topic" "kv" | toJson }}
      {{- if or (eq ($pool.role | default "mixed") "prefill") (eq ($pool.role | default "mixed") "decode") }}
      - --kv-transfer-config={{ dict "kv_connector" ($vllm.kvConnector | default "NixlConnector") "kv_role" "kv_both" | toJson }}
      {{- end }}
      {{- range $vllm.extraArgs }}
      - {{ . | quote }}
      {{- end }}
    {{- end }}
    env:
      - {name: HF_HOME, value: /models}
      - name: VLLM_NIXL_SIDE_CHANNEL_HOST
        valueFrom: {fieldRef: {fieldPath: status.podIP}}
      {{- with $vllm.tokenSecret }}
      - name: HF_TOKEN
        valueFrom: {secretKeyRef: {name: {{ . }}, key: token}}
      {{- end }}
      {{- with $vllm.env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- if not $worker }}
    ports:
      - {name: http, containerPort: 8000, protocol: TCP}
      - {name: kv-events, containerPort: 5557, protocol: TCP}
      - {name: kv-replay, containerPort: 5558, protocol: TCP}
    startupProbe:
      httpGet: {path: /health, port: http}
      periodSeconds: 5
      failureThreshold: {{ div (int ($vllm.startupSeconds | default 1800)) 5 }}
    readinessProbe:
      httpGet: {path: /health, port: http}
      periodSeconds: 2
      failureThreshold: 2
    livenessProbe:
      httpGet: {path: /health, port: http}
      periodSeconds: 10
      failureThreshold: 6
    {{- end }}
    lifecycle:
      # Routers hear of the pod's end before it stops taking requests.
      preStop: {exec: {command: [sleep, {{ $vllm.drainSeconds | default 15 | quote }}]}}
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources:
      {{- $gpus := dict ($vllm.gpuResource | default "nvidia.com/gpu") (include "weir.gpusPerNode" .) }}
      requests: {{- toYaml (merge (deepCopy (($vllm.resources | default dict).requests | default dict)) $gpus) | nindent 8 }}
      limits: {{- toYaml (merge (deepCopy (($vllm.resources | default dict).limits | default dict)) $gpus) | nindent 8 }}
    volumeMounts:
      - {name: models, mountPath: /models}
      - {name: memory, mountPath: /dev/shm}
volumes:
  - name: models
    {{- if (($vllm.modelCache | default dict).enabled) }}
    persistentVolumeClaim: {claimName: {{ include "weir.name" .root }}-{{ $pool.name }}-models}
    {{- else }}
    emptyDir: {}
    {{- end }}
  - name: memory
    emptyDir: {medium: Memory, sizeLimit: {{ $vllm.sharedMemory | default "8Gi" }}}
{{- with $vllm.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $vllm.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "weir.engineLabels" -}}
{{ include "weir.selector" .root }}
app.kubernetes.io/component: engine
weir.dev/pool: {{ .pool.name }}
{{- end }}

{{- define "weir.engineReplicas" -}}
{{- $asked := .pool.replicas | default 1 -}}
{{- if eq .root.Values.pool.scaling.mode "act" -}}
{{- $kind := include "weir.engineKind" .pool -}}
{{- $api := eq $kind "Deployment" | ternary "apps/v1" "leaderworkerset.x-k8s.io/v1" -}}
{{- $there := lookup $api $kind .root.Release.Namespace (printf "%s-%s" (include "weir.name" .root) .pool.name) -}}
# How many there are is the pool service's to say: an upgrade does not set them back.
replicas: {{ dig "spec" "replicas" $asked ($there | default dict) }}
{{- else -}}
replicas: {{ $asked }}
{{- end }}
{{- end }}
