{{- define "landline.labels" -}}
{{ include "landline.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "landline.selector" -}}
app.kubernetes.io/name: landline
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Pods are called so, with a number: the release's name, with landline in it. */ -}}
{{- define "landline.name" -}}
{{- if contains "landline" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-landline" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "landline.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* What the chart decides of the server file beats `server`. */ -}}
{{- define "landline.server" -}}
{{- $listener := dict "address" "0.0.0.0:3128" "client_address" .Values.listener.clientAddress "trusted" .Values.listener.trusted }}
{{- if .Values.secrets.clientTls }}{{ $_ := set $listener "tls" (dict "cert" "/etc/landline/client-tls/tls.crt" "key" "/etc/landline/client-tls/tls.key") }}{{ end }}
{{- $admin := dict "address" "0.0.0.0:3129" }}
{{- if .Values.secrets.adminUsers }}{{ $_ := set $admin "users" "/etc/landline/admin-users/users.yaml" }}{{ end }}
{{- if .Values.secrets.adminTls }}{{ $_ := set $admin "tls" (dict "cert" "/etc/landline/admin-tls/tls.crt" "key" "/etc/landline/admin-tls/tls.key") }}{{ end }}
{{- $audit := dict "dir" "/data/audit" "privacy_key" "/data/keys/privacy.key" }}
{{- /* With signingKeys it is each pod's own, by a variable. */ -}}
{{- if not .Values.secrets.signingKeys }}{{ $_ := set $audit "key" "/data/keys/audit.pem" }}{{ end }}
{{- $ours := dict "rules" "/etc/landline/rules/rules.yaml" "listeners" (list $listener) "admin" $admin "audit" $audit }}
{{- toYaml (mergeOverwrite (deepCopy .Values.server) $ours) }}
{{- end }}
