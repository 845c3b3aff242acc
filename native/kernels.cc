// Operators of our own, where a profile showed that libtorch's lose. Each is checked against libtorch's result in src/engine/kernels.test.ts.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>

#include "clones.h"
#include "kernel-table.h"
#include "narrowing.h"

namespace evergreen {

bool hasBFloat16Products() {
  static const bool found =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_is_mkldnn_bf16_supported", "").typed<bool()>().call();
  return found;
}

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/** a [M, K] times bᵀ with b [N, K], by oneDNN; both may be transposed views. Same precision as the MKL product. Planned on shapes by an operator that takes as much memory: oneDNN's GELU needs none. */
Tensor oneDnnProduct(const Tensor& a, const Tensor& b, const std::optional<Tensor>& bias, bool gelu = false) {
  if (a.is_meta()) {
    auto result = at::linear(a, b, bias);
    return gelu ? at::gelu_(result) : result;
  }
  static const auto operation = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                                    .typed<Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view,
                                                  c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  return operation.call(a, b, bias, gelu ? "gelu" : "none", c10::List<std::optional<at::Scalar>>(), gelu ? "none" : "");
}

/** In bfloat16 libtorch asks oneDNN as well, but for a forward product with the bias written into the result first. */
bool usesOneDnn(Product product, const Tensor& a, int64_t m, int64_t n, int64_t k) {
  if (!(a.is_cpu() || a.is_meta()) || m <= 0 || n <= 0 || k <= 0) return false;
  const bool ours = a.scalar_type() == at::kFloat || (a.scalar_type() == at::kBFloat16 && product == Product::forward && hasBFloat16Products());
  return ours && kernelFor(product, m, n, k) == Kernel::oneDnn;
}

/** Computed in float32, where the processor has no bfloat16 products of its own. */
bool isWidened(const Tensor& a) { return widensBFloat16() && a.scalar_type() == at::kBFloat16 && (a.is_cpu() || a.is_meta()); }

std::optional<Tensor> widened(const std::optional<Tensor>& bias) { return bias.has_value() && bias->defined() ? bias->to(at::kFloat) : std::optional<Tensor>(); }

/** x [m, k] times weightᵀ with weight [n, k], plus bias, through GELU where asked. */
Tensor forwardProduct(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, bool gelu = false) {
  if (isWidened(x)) return forwardProduct(x.to(at::kFloat), weight.to(at::kFloat), widened(bias), gelu).to(at::kBFloat16);
  if (usesOneDnn(Product::forward, x, x.size(0), weight.size(0), x.size(1))) return oneDnnProduct(x, weight, bias, gelu);
  const auto result = at::linear(x, weight, bias);
  return gelu ? at::gelu(result) : result;
}

/** g [m, n] times weight [n, k]. */
Tensor inputGradient(const Tensor& g, const Tensor& weight) {
  if (isWidened(g)) return inputGradient(g.to(at::kFloat), weight.to(at::kFloat)).to(at::kBFloat16);
  return usesOneDnn(Product::inputGradient, g, g.size(0), g.size(1), weight.size(1)) ? oneDnnProduct(g, weight.t(), std::nullopt) : at::mm(g, weight);
}

/** gᵀ [n, m] times x [m, k]. */
Tensor weightGradient(const Tensor& g, const Tensor& x) {
  if (isWidened(g)) return weightGradient(g.to(at::kFloat), x.to(at::kFloat)).to(at::kBFloat16);
  return usesOneDnn(Product::weightGradient, g, g.size(0), g.size(1), x.size(1)) ? oneDnnProduct(g.t(), x.t(), std::nullopt) : at::mm(g.t(), x);
}

class Linear : public torch::autograd::Function<Linear> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
    // The input is needed for the weight's gradient alone: beside a frozen weight it would keep an activation alive for nothing.
    context->save_for_backward({weight.requires_grad() ? x : Tensor(), weight});
    context->saved_data["sizes"] = x.sizes().vec();
    context->saved_data["bias"] = bias.has_value() && bias->defined();
    auto sizes = x.sizes().vec();
    sizes.back() = weight.size(0);
    return forwardProduct(x.reshape({-1, x.size(-1)}), weight, bias).view(sizes);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& weight = saved[1];
    const auto g = gradients[0].reshape({-1, gradients[0].size(-1)});
    Tensor dx, dw, db;
    if (context->needs_input_grad(0)) dx = inputGradient(g, weight).view(context->saved_data["sizes"].toIntVector());
    if (context->needs_input_grad(1)) dw = weightGradient(g, saved[0].reshape({-1, weight.size(1)}));
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) db = g.sum(0);
    return {dx, dw, db};
  }
};

void checkLinear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  TORCH_CHECK(x.dim() >= 1 && weight.dim() == 2, "evergreen::linear: expected x [..., K] and weight [N, K], got x ", x.sizes(), " and weight ", weight.sizes());
  TORCH_CHECK(x.size(-1) == weight.size(1), "evergreen::linear: x ", x.sizes(), " does not fit weight ", weight.sizes());
  TORCH_CHECK(x.scalar_type() == weight.scalar_type(), "evergreen::linear: x is ", x.scalar_type(), ", weight is ", weight.scalar_type());
  TORCH_CHECK(at::isFloatingType(x.scalar_type()), "evergreen::linear: expected floating point, got ", x.scalar_type());
  TORCH_CHECK(x.layout() == at::kStrided && weight.layout() == at::kStrided, "evergreen::linear: expected dense tensors");
  TORCH_CHECK(x.device() == weight.device(), "evergreen::linear: x is on ", x.device(), ", weight on ", weight.device());
  if (bias.has_value() && bias->defined())
    TORCH_CHECK(bias->dim() == 1 && bias->size(0) == weight.size(0) && bias->scalar_type() == x.scalar_type() && bias->device() == x.device() && bias->layout() == at::kStrided,
                "evergreen::linear: bias ", bias->sizes(), " ", bias->scalar_type(), " does not fit weight ", weight.sizes());
}

Tensor linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  checkLinear(x, weight, bias);
  return Linear::apply(x, weight, bias);
}

/** GELU (erf) of the product. Without a graph it is computed on the product's accumulators, before these are rounded and written. */
Tensor linearGelu(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  checkLinear(x, weight, bias);
  const bool inGraph = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() || (bias.has_value() && bias->requires_grad()));
  if (inGraph) return at::gelu(evergreen::linear(x, weight, bias));
  auto sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  return forwardProduct(x.reshape({-1, x.size(-1)}), weight, bias, true).view(sizes);
}

constexpr int64_t kBlock = 16384;  // fixed, so that a sum has the same bits for any number of threads

template <typename T>
EVERGREEN_CLONES double sumOfSquares(const T* data, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n;) {
    float lanes[16] = {};
    const int64_t end = std::min(n, i + 1024);
    for (; i + 16 <= end; i += 16)
      for (int l = 0; l < 16; l++) {
        const auto value = static_cast<float>(data[i + l]);
        lanes[l] += value * value;
      }
    for (; i < end; i++) {
      const auto value = static_cast<float>(data[i]);
      lanes[0] += value * value;
    }
    for (float lane : lanes) total += lane;
  }
  return total;
}

double tensorSumOfSquares(const Tensor& tensor) {
  const auto flat = tensor.contiguous();
  const int64_t n = flat.numel();
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<size_t>(blocks));
  at::parallel_for(0, blocks, 4, [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; b++) {
      const int64_t size = std::min(kBlock, n - b * kBlock);
      sums[static_cast<size_t>(b)] = flat.scalar_type() == at::kFloat ? sumOfSquares(flat.const_data_ptr<float>() + b * kBlock, size)
                                                                      : sumOfSquares(flat.const_data_ptr<at::BFloat16>() + b * kBlock, size);
    }
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

/** L2 norm over all entries of all tensors, as a float scalar. */
Tensor globalNorm(const std::vector<Tensor>& gradients) {
  double total = 0;
  for (const auto& gradient : gradients)
    if (gradient.is_meta()) return at::empty({}, gradient.options().dtype(at::kFloat));
  for (const auto& gradient : gradients) {
    TORCH_CHECK(gradient.layout() == at::kStrided, "evergreen::global_norm: expected dense tensors");
    const bool fast = gradient.device().is_cpu() && (gradient.scalar_type() == at::kFloat || gradient.scalar_type() == at::kBFloat16);
    total += fast ? tensorSumOfSquares(gradient) : at::linalg_vector_norm(gradient).to(at::kDouble).square().item<double>();
  }
  return at::scalar_tensor(std::sqrt(total), at::kFloat);
}

struct AdamW {
  float lr, beta1, beta2, epsilon, stepSize, rootCorrection2, keep, scale;
};

template <typename G>
EVERGREEN_CLONES void adamwBlock(float* __restrict w, const G* __restrict g, float* __restrict m, float* __restrict v, int64_t n, const AdamW a) {
  const float rest1 = 1 - a.beta1, rest2 = 1 - a.beta2;
  for (int64_t i = 0; i < n; i++) {
    const float gradient = static_cast<float>(g[i]) * a.scale;
    const float first = m[i] + rest1 * (gradient - m[i]);
    const float second = a.beta2 * v[i] + rest2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    w[i] = w[i] * a.keep - a.stepSize * (first / (std::sqrt(second) / a.rootCorrection2 + a.epsilon));
  }
}

bool isOn(const Tensor& tensor, const at::Device& device) { return tensor.layout() == at::kStrided && tensor.device() == device && (device.is_cpu() || device.is_meta()); }

void checkAdamW(const Tensor& w, const Tensor& g, const Tensor& m, const Tensor& v) {
  for (const auto& each : {w, m, v})
    TORCH_CHECK(isOn(each, w.device()) && each.scalar_type() == at::kFloat && each.is_contiguous() && each.sizes() == w.sizes(),
                "evergreen::adamw_: expected contiguous float32 weights and moments of one shape, got ", each.scalar_type(), " ", each.sizes(), " beside ", w.sizes());
  TORCH_CHECK(isOn(g, w.device()) && g.sizes() == w.sizes() && (g.scalar_type() == at::kFloat || g.scalar_type() == at::kBFloat16),
              "evergreen::adamw_: expected a float32 or bfloat16 gradient of shape ", w.sizes(), ", got ", g.scalar_type(), " ", g.sizes());
}

/**
 * One AdamW step over all parameters in one pass over memory (arXiv:1711.05101, as torch.optim.AdamW computes it), the gradient scaled by `scale`
 * (clipping) on the way. `copies` holds for each parameter a bfloat16 tensor that receives the new weights, or nothing.
 */
void adamw(const std::vector<Tensor>& weights, const std::vector<Tensor>& gradients, const std::vector<Tensor>& first, const std::vector<Tensor>& second,
           const c10::List<std::optional<Tensor>>& copies, at::ArrayRef<double> rates, at::ArrayRef<double> decays, double beta1, double beta2, double epsilon, int64_t step, const Tensor& scale) {
  const size_t count = weights.size();
  TORCH_CHECK(gradients.size() == count && first.size() == count && second.size() == count && rates.size() == count && decays.size() == count,
              "evergreen::adamw_: lists differ in length");
  TORCH_CHECK(copies.size() == count, "evergreen::adamw_: expected one copy, or none, for each weight");
  std::vector<Tensor> targets;
  for (const std::optional<Tensor> copy : copies) targets.push_back(copy.value_or(Tensor()));
  TORCH_CHECK(step >= 1, "evergreen::adamw_: steps count from 1, got ", step);
  TORCH_CHECK(scale.numel() == 1, "evergreen::adamw_: scale must hold one number");
  for (size_t i = 0; i < count; i++) checkAdamW(weights[i], gradients[i], first[i], second[i]);
  for (size_t i = 0; i < count; i++)
    TORCH_CHECK(!targets[i].defined() || (isOn(targets[i], weights[i].device()) && targets[i].scalar_type() == at::kBFloat16 && targets[i].is_contiguous() && targets[i].sizes() == weights[i].sizes()),
                "evergreen::adamw_: a copy must be contiguous bfloat16 of its weight's shape");
  if (std::any_of(weights.begin(), weights.end(), [](const Tensor& each) { return each.is_meta(); })) return;
  const auto clip = scale.item<float>();
  for (size_t i = 0; i < count; i++) {
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(step));
    const double correction2 = 1 - std::pow(beta2, static_cast<double>(step));
    const AdamW a{static_cast<float>(rates[i]), static_cast<float>(beta1), static_cast<float>(beta2), static_cast<float>(epsilon), static_cast<float>(rates[i] / correction1),
                  static_cast<float>(std::sqrt(correction2)), static_cast<float>(1 - rates[i] * decays[i]), clip};
    const auto gradient = gradients[i].contiguous();
    float* w = weights[i].mutable_data_ptr<float>();
    float* m = first[i].mutable_data_ptr<float>();
    float* v = second[i].mutable_data_ptr<float>();
    at::BFloat16* copy = targets[i].defined() ? targets[i].mutable_data_ptr<at::BFloat16>() : nullptr;
    at::parallel_for(0, gradient.numel(), kBlock, [&](int64_t first, int64_t last) {
      // Piece by piece, so that the copy is made of weights that are still in the cache.
      for (int64_t from = first; from < last; from += kBlock) {
        const int64_t size = std::min(kBlock, last - from);
        if (gradient.scalar_type() == at::kFloat) adamwBlock(w + from, gradient.const_data_ptr<float>() + from, m + from, v + from, size, a);
        else adamwBlock(w + from, gradient.const_data_ptr<at::BFloat16>() + from, m + from, v + from, size, a);
        if (copy != nullptr) toBFloat16(copy + from, w + from, size);
      }
    });
  }
}

}  // namespace

TORCH_LIBRARY(evergreen, library) {
  library.def("linear(Tensor x, Tensor weight, Tensor? bias) -> Tensor", linear);
  library.def("linear_gelu(Tensor x, Tensor weight, Tensor? bias) -> Tensor", linearGelu);
  library.def("global_norm(Tensor[] gradients) -> Tensor", globalNorm);
  library.def(
      "adamw_(Tensor[] weights, Tensor[] gradients, Tensor[] first, Tensor[] second, Tensor?[] copies, float[] rates, float[] decays, float beta1, float beta2, "
      "float epsilon, int step, Tensor scale) -> ()",
      adamw);
}

}  // namespace evergreen
