{{/* The pod of one engine: {root, pool, vllm}. */}}
{{- define "weir.enginePod" -}}
{{- $pool := .pool -}}
{{- $vllm := .vllm -}}
{{- $engine := $pool.engine | default dict -}}
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
    command: [vllm, serve]
    args:
      - {{ $vllm.weights | default $pool.served_name | default $pool.model | quote }}
      - --served-model-name={{ $pool.served_name | default $pool.model }}
      - --host=0.0.0.0
      - --port=8000
      - --tensor-parallel-size={{ $pool.gpus_per_replica | default 1 }}
      {{- if gt (int ($vllm.nodes | default 1)) 1 }}
      - --pipeline-parallel-size={{ $vllm.nodes }}
      - --distributed-executor-backend=ray
      {{- end }}
      - --max-num-seqs={{ $engine.max_num_seqs | default 256 }}
      - --max-num-batched-tokens={{ $engine.max_num_batched_tokens | default 8192 }}
      - --block-size={{ $engine.block_size | default 16 }}
      - --gpu-memory-utilization={{ $engine.gpu_memory_utilization | default 0.9 }}
      {{- with $engine.max_model_len }}
      - --max-model-len={{ . }}
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
    lifecycle:
      # Routers hear of the pod's end before it stops taking requests.
      preStop: {exec: {command: [sleep, {{ $vllm.drainSeconds | default 15 | quote }}]}}
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources:
      {{- $gpus := dict ($vllm.gpuResource | default "nvidia.com/gpu") ($pool.gpus_per_replica | default 1 | toString) }}
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
