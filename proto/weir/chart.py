"""The Helm chart's values, as models: the chart's schema is made of them, and a plan's values are checked by them."""

from typing import Any, Literal

import yaml
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from weir.fleetfile import Pool, Slo, Strict
from weir.rulesfile import rules_of

Object = dict[str, Any]  # passed on to Kubernetes as it is


class Image(Strict):
    """A container image."""

    repository: str
    tag: str = ""
    pullPolicy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"


class Placed(Strict):
    """Where and how pods of one kind run, in Kubernetes' own words."""

    resources: Object = {}
    env: list[Object] = []
    nodeSelector: dict[str, str] = {}
    tolerations: list[Object] = []
    affinity: Object = {}
    podAnnotations: dict[str, str] = {}


class Disruption(Strict):
    """How many pods may be away at once by somebody's will."""

    enabled: bool = True
    maxUnavailable: PositiveInt = 1


class Service(Strict):
    """How the router is reached."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    port: int = Field(default=80, ge=1, le=65535)
    annotations: dict[str, str] = {}


class Switch(Strict):
    """Something that is there or not."""

    enabled: bool = False


class ExtProc(Switch):
    """Whether the router is the endpoint picker of an Envoy."""

    fallbacks: int = Field(default=1, ge=0, le=1)  # endpoints named behind the first
    replies: float = Field(default=0.125, ge=0.0, le=1.0)  # share of replies that are shown


class Decisions(Switch):
    """Decision records on a volume of the pod."""

    size: str = "1Gi"


class Autoscaling(Switch):
    """More routers where they are busy."""

    minReplicas: PositiveInt = 2
    maxReplicas: PositiveInt = 10
    cpuPercent: PositiveInt = 70

    @model_validator(mode="after")
    def _ordered(self) -> "Autoscaling":
        if self.minReplicas > self.maxReplicas:
            raise ValueError(f"autoscaling: {self.minReplicas} to {self.maxReplicas} replicas: min is above max")
        return self


class Router(Placed):
    """The gateway."""

    replicas: PositiveInt = 2
    workers: PositiveInt = 2  # processes of one pod
    policy: str = "shortest_ttft"
    settings: dict[str, float] = {}  # of the policy
    slo: Slo = Slo()
    tokens: Literal["auto", "always", "estimate"] = "auto"
    options: dict[str, bool | int | float | str] = {}  # any other setting, as `weir router --option` takes it
    drainSeconds: NonNegativeInt = 30
    service: Service = Service()
    grpc: Switch = Switch(enabled=True)
    extProc: ExtProc = ExtProc()
    decisions: Decisions = Decisions()
    autoscaling: Autoscaling = Autoscaling()
    podDisruptionBudget: Disruption = Disruption()


class Scaling(Strict):
    """Whether the pool service scales the fleet."""

    mode: Literal["off", "recommend", "act"] = "off"
    policy: str = ""  # what Pool resources ask for when left out
    settings: dict[str, float] = {}  # of that policy


class PoolService(Placed):
    """The pool service; of its replicas the leader acts, all of them tell."""

    replicas: PositiveInt = 2
    kvSource: str = "vllm"
    scrapeIntervalSeconds: PositiveFloat = 1.0
    roles: Literal["fixed", "told", "switched"] = "fixed"  # what is done about roles that no longer fit the traffic
    options: dict[str, int | float] = {}  # any other setting, as `weir pool --option` takes it
    scaling: Scaling = Scaling()
    podDisruptionBudget: Disruption = Disruption()


class Auth(Strict):
    """Where Redis' password is kept."""

    existingSecret: str = ""
    key: str = "password"


class External(Strict):
    """Somebody else's Redis."""

    url: str = ""
    existingSecret: str = ""
    caSecret: str = ""


class Redis(Placed):
    """The registry's store."""

    enabled: bool = True
    image: Image = Image(repository="redis", tag="7.4-alpine")
    auth: Auth = Auth()
    maxMemory: str = "1gb"
    external: External = External()


class Front(Strict):
    """How the Envoy is reached."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    annotations: dict[str, str] = {}


class Envoy(Switch, Placed):
    """An Envoy in front, whose endpoint picker the router is."""

    image: Image = Image(repository="envoyproxy/envoy", tag="v1.40.0")
    replicas: PositiveInt = 2
    port: int = Field(default=80, ge=1, le=65535)
    maxBodyBytes: PositiveInt = 32 << 20
    drainSeconds: NonNegativeInt = 30
    service: Front = Front()
    podDisruptionBudget: Disruption = Disruption()


class Account(Strict):
    """The service account of the pods."""

    create: bool = True
    name: str = ""
    annotations: dict[str, str] = {}


class Created(Strict):
    """Something that is made unless told otherwise."""

    create: bool = True


class Kinds(Strict):
    """Fleet, Pool and RoutePolicy: whether this release defines these kinds, and whether what is declared counts."""

    install: bool = True
    watch: bool = True


class Network(Strict):
    """Who may speak to whom."""

    enabled: bool = True
    clientNamespaces: list[str] = []
    scalerNamespaces: list[str] = []


class ServiceMonitor(Switch):
    """What Prometheus scrapes."""

    interval: str = "15s"
    labels: dict[str, str] = {}


class Labelled(Switch):
    """Something found by its labels."""

    labels: dict[str, str] = {}


class Monitoring(Strict):
    """What is made for the Prometheus operator and Grafana."""

    serviceMonitor: ServiceMonitor = ServiceMonitor()
    rules: Labelled = Labelled()
    dashboards: Labelled = Labelled(labels={"grafana_dashboard": "1"})


class ModelCache(Switch):
    """A volume that keeps the weights."""

    size: str = "200Gi"
    storageClass: str = ""
    accessMode: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteMany"


class Vllm(Strict):
    """Engines that the chart makes."""

    weights: str = ""  # what vLLM loads; the served name where it is a repository's, else the profile's own
    image: str = "vllm/vllm-openai:v0.11.0"
    nodes: PositiveInt = 1  # a replica's GPUs are shared out over them; more than one: a LeaderWorkerSet
    extraArgs: list[str] = []
    env: list[Object] = []
    gpuResource: str = "nvidia.com/gpu"
    resources: Object = {}
    kvConnector: str = "NixlConnector"
    modelCache: ModelCache = ModelCache()
    sharedMemory: str = "8Gi"
    startupSeconds: PositiveInt = 1800
    drainSeconds: NonNegativeInt = 15
    terminationGraceSeconds: PositiveInt = 120
    tokenSecret: str = ""
    serviceAccountName: str = ""
    nodeSelector: dict[str, str] = {}
    tolerations: list[Object] = []

    @model_validator(mode="after")
    def _grace_outlasts_drain(self) -> "Vllm":
        if self.terminationGraceSeconds <= self.drainSeconds:
            raise ValueError("vllm: terminationGraceSeconds must be more than drainSeconds, or streams are cut off")
        return self


class EnginePool(Pool):
    """A pool of the fleet file, whose engines the chart may make."""

    vllm: Vllm | None = None

    @model_validator(mode="after")
    def _divides_over_its_nodes(self) -> "EnginePool":
        nodes = self.vllm.nodes if self.vllm else 1
        if self.gpus_per_replica % nodes:
            raise ValueError(f"pool {self.name}: {self.gpus_per_replica} GPUs do not divide over {nodes} nodes")
        return self


class Selecting(Strict):
    """How a model is chosen for requests that name none."""

    rules: Object = {}  # what a rules file says; without any, "auto" is nobody's name
    configMap: str = ""  # or somebody else's, whose rules.yaml it is
    headsClaim: str = ""  # a volume claim with trained heads
    deadlineSeconds: PositiveFloat = 0.05  # that a request waits for the classifier's readings

    @model_validator(mode="after")
    def _makes_sense(self) -> "Selecting":
        if self.rules and self.configMap:
            raise ValueError("select: give `rules` or `configMap`, not both")
        if self.rules:
            rules_of(yaml.safe_dump(self.rules), "select.rules")
        return self


class Tests(Strict):
    """What `helm test` asks with."""

    image: Image = Image(repository="curlimages/curl", tag="8.11.1")


class Values(Strict):
    """All of it."""

    image: Image = Image(repository="weir")
    imagePullSecrets: list[Object] = []
    pools: list[EnginePool] = []
    crds: Kinds = Kinds()
    router: Router = Router()
    select: Selecting = Selecting()
    pool: PoolService = PoolService()
    redis: Redis = Redis()
    envoy: Envoy = Envoy()
    serviceAccount: Account = Account()
    rbac: Created = Created()
    networkPolicy: Network = Network()
    monitoring: Monitoring = Monitoring()
    tests: Tests = Tests()

    @model_validator(mode="after")
    def _envoy_has_a_picker(self) -> "Values":
        if self.envoy.enabled and not self.router.extProc.enabled:
            raise ValueError("envoy.enabled needs router.extProc.enabled: the router is its endpoint picker")
        return self
