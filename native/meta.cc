// Shape rules for the device `meta` that libtorch keeps in Python. Each gives the shapes, types and strides of the processor's kernel; test/engine/meta.test.ts compares them.
#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <torch/library.h>

#include <array>
#include <tuple>

namespace evergreen {

namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
using Triple = std::tuple<Tensor, Tensor, Tensor>;

bool given(const OptionalTensor& tensor) { return tensor.has_value() && tensor->defined(); }

/** Statistics of half precision with float weights are float. */
at::TensorOptions statistics(const Tensor& input, const OptionalTensor& weight) { return given(weight) ? input.options().dtype(weight->scalar_type()) : input.options(); }

Triple layerNorm(const Tensor& input, at::IntArrayRef shape, const OptionalTensor& weight, const OptionalTensor& bias, double) {
  TORCH_CHECK(!shape.empty() && input.dim() >= static_cast<int64_t>(shape.size()) && input.sizes().slice(static_cast<size_t>(input.dim()) - shape.size()) == shape,
              "layer_norm: expected a last shape of ", shape, ", got input ", input.sizes());
  for (const auto& each : {weight, bias}) TORCH_CHECK(!given(each) || each->sizes() == shape, "layer_norm: expected weights of shape ", shape, ", got ", each->sizes());
  auto sizes = input.sizes().vec();
  for (size_t i = sizes.size() - shape.size(); i < sizes.size(); i++) sizes[i] = 1;
  const auto options = statistics(input, weight);
  return {at::empty(input.sizes(), input.options()), at::empty(sizes, options), at::empty(sizes, options)};
}

Tensor emptyIf(bool asked, const OptionalTensor& like) { return asked && given(like) ? at::empty(like->sizes(), like->options()) : Tensor(); }

Triple layerNormBackward(const Tensor&, const Tensor& input, at::IntArrayRef, const Tensor&, const Tensor&, const OptionalTensor& weight, const OptionalTensor& bias,
                         std::array<bool, 3> mask) {
  return {emptyIf(mask[0], input), emptyIf(mask[1], weight), emptyIf(mask[2], bias)};
}

Tensor convolution(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, at::IntArrayRef,
                   int64_t groups) {
  TORCH_CHECK(!transposed, "convolution: no shape rule for a transposed one");
  TORCH_CHECK(input.dim() >= 3 && input.dim() == weight.dim(), "convolution: input ", input.sizes(), " does not fit weight ", weight.sizes());
  TORCH_CHECK(groups > 0 && input.size(1) == weight.size(1) * groups, "convolution: input ", input.sizes(), " does not fit weight ", weight.sizes(), " in ", groups, " groups");
  TORCH_CHECK(input.scalar_type() == weight.scalar_type(), "convolution: input is ", input.scalar_type(), ", weight is ", weight.scalar_type());
  TORCH_CHECK(!given(bias) || (bias->dim() == 1 && bias->size(0) == weight.size(0)), "convolution: bias does not fit weight ", weight.sizes());
  std::vector<int64_t> sizes{input.size(0), weight.size(0)};
  for (int64_t i = 2; i < input.dim(); i++) {
    const auto at = [i](at::IntArrayRef list) { return list.size() == 1 ? list[0] : list.at(static_cast<size_t>(i - 2)); };
    TORCH_CHECK(at(stride) > 0 && at(dilation) > 0 && at(padding) >= 0, "convolution: stride and dilation must be positive, padding not negative");
    const int64_t room = input.size(i) + 2 * at(padding) - at(dilation) * (weight.size(i) - 1) - 1;
    TORCH_CHECK(room >= 0, "convolution: the kernel ", weight.sizes(), " is larger than the padded input ", input.sizes());
    sizes.push_back(room / at(stride) + 1);
  }
  // oneDNN writes in a layout of its own, from which the result is copied.
  const auto blocked = at::empty(sizes, input.options());
  return at::empty(sizes, input.options());
}

/** Two copies in oneDNN's own layout are there beside the results: of the gradient and of the input, or of its gradient. */
Triple convolutionBackward(const Tensor& gradient, const Tensor& input, const Tensor& weight, at::OptionalIntArrayRef, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, bool, at::IntArrayRef,
                           int64_t, std::array<bool, 3> mask) {
  const auto blocked = std::array{at::empty(gradient.sizes(), gradient.options()), at::empty(input.sizes(), input.options())};
  return {emptyIf(mask[0], input), emptyIf(mask[1], weight), mask[2] ? at::empty({weight.size(0)}, gradient.options()) : Tensor()};
}

/** [B, heads, L, d] laid out as [B, L, heads, d], as the fused kernel leaves it. */
Tensor headsInside(const Tensor& like) { return at::empty({like.size(0), like.size(2), like.size(1), like.size(3)}, like.options()).transpose(1, 2); }

std::tuple<Tensor, Tensor> attention(const Tensor& query, const Tensor& key, const Tensor& value, double, bool, const OptionalTensor&, std::optional<double>) {
  TORCH_CHECK(query.dim() == 4 && key.dim() == 4 && key.sizes() == value.sizes() && query.size(0) == key.size(0) && query.size(1) == key.size(1) && query.size(3) == key.size(3),
              "attention: query ", query.sizes(), ", key ", key.sizes(), " and value ", value.sizes(), " do not fit");
  const auto type = at::isReducedFloatingType(query.scalar_type()) ? at::kFloat : query.scalar_type();
  return {headsInside(query), at::empty({query.size(0), query.size(2), query.size(1)}, query.options().dtype(type)).transpose(1, 2)};
}

Triple attentionBackward(const Tensor&, const Tensor& query, const Tensor& key, const Tensor& value, const Tensor&, const Tensor&, double, bool, const OptionalTensor&, std::optional<double>) {
  return {headsInside(query), headsInside(key), headsInside(value)};
}

Triple batchNorm(const Tensor& input, const OptionalTensor& weight, const OptionalTensor&, const OptionalTensor&, const OptionalTensor&, bool training, double, double) {
  TORCH_CHECK(input.dim() >= 2, "batch_norm: expected [B, C, ...], got ", input.sizes());
  TORCH_CHECK(!given(weight) || weight->numel() == input.size(1), "batch_norm: expected ", input.size(1), " weights, got ", weight->sizes());
  const auto options = statistics(input, weight);
  const int64_t kept = training ? input.size(1) : 0;
  return {at::empty_like(input), at::empty({kept}, options), at::empty({kept}, options)};
}

Triple batchNormBackward(const Tensor&, const Tensor& input, const OptionalTensor& weight, const OptionalTensor&, const OptionalTensor&, const OptionalTensor&, const OptionalTensor&, bool, double,
                         std::array<bool, 3> mask) {
  const auto options = statistics(input, weight);
  const auto channel = [&](bool asked) { return asked ? at::empty({input.size(1)}, options) : Tensor(); };
  return {mask[0] ? at::empty_like(input) : Tensor(), channel(mask[1]), channel(mask[2])};
}

Tensor indexSelect(const Tensor& self, int64_t dim, const Tensor& index) {
  TORCH_CHECK_INDEX(index.dim() <= 1 && (index.scalar_type() == at::kLong || index.scalar_type() == at::kInt), "index_select: expected a list of int32 or int64, got ", index.scalar_type(), " ",
                    index.sizes());
  auto sizes = self.sizes().vec();
  if (!sizes.empty()) sizes[static_cast<size_t>(at::maybe_wrap_dim(dim, self.dim()))] = index.numel();
  return at::empty(sizes, self.options());
}

Tensor embeddingBackward(const Tensor& gradient, const Tensor&, int64_t rows, int64_t, bool) { return at::empty({rows, gradient.size(-1)}, gradient.options()); }

Tensor where(const Tensor& condition, const Tensor& self, const Tensor& other) {
  const auto sizes = at::infer_size(at::infer_size(condition.sizes(), self.sizes()), other.sizes());
  return at::empty(sizes, self.options().dtype(at::result_type(self, other)));
}

Tensor& whereOut(const Tensor& condition, const Tensor& self, const Tensor& other, Tensor& out) {
  out.resize_(at::infer_size(at::infer_size(condition.sizes(), self.sizes()), other.sizes()));
  return out;
}

Tensor same(const Tensor& self) { return at::empty_like(self); }

std::tuple<Tensor, Tensor> logSigmoid(const Tensor& self) { return {at::empty_like(self), at::empty_like(self)}; }
Tensor logSigmoidBackward(const Tensor& gradient, const Tensor&, const Tensor&) { return at::empty_like(gradient); }

}  // namespace

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  library.impl("native_layer_norm", layerNorm);
  library.impl("native_layer_norm_backward", layerNormBackward);
  library.impl("convolution", convolution);
  library.impl("convolution_backward", convolutionBackward);
  library.impl("_scaled_dot_product_flash_attention_for_cpu", attention);
  library.impl("_scaled_dot_product_flash_attention_for_cpu_backward", attentionBackward);
  library.impl("native_batch_norm", batchNorm);
  library.impl("native_batch_norm_backward", batchNormBackward);
  library.impl("index_select", indexSelect);
  library.impl("embedding_dense_backward", embeddingBackward);
  library.impl("where.self", where);
  library.impl("where.self_out", whereOut);
  library.impl("relu", same);
  library.impl("log_sigmoid_forward", logSigmoid);
  library.impl("log_sigmoid_backward", logSigmoidBackward);
}

}  // namespace evergreen
