#include "guards.h"

#include <ATen/ATen.h>

#include <map>

namespace evergreen {

namespace {

using torch::jit::Stack;

/** Dense, of one floating type, on one device. */
void checkAlike(const at::Tensor& first, const at::Tensor& each, const char* what) {
  TORCH_CHECK(each.layout() == at::kStrided && each.device() == first.device(), what, ": expected dense tensors on ", first.device(), ", got ", each.layout(), " on ", each.device());
  TORCH_CHECK(at::isFloatingType(first.scalar_type()) && each.scalar_type() == first.scalar_type(), what, ": expected one floating point type, got ", first.scalar_type(), " and ",
              each.scalar_type());
}

/** libtorch takes the length of the keys for that of the values: it reads past the end of shorter ones. */
void attention(const Stack& arguments) {
  const auto query = arguments[0].toTensor(), key = arguments[1].toTensor(), value = arguments[2].toTensor();
  checkAlike(query, key, "attention");
  checkAlike(query, value, "attention");
  TORCH_CHECK(query.dim() >= 2 && query.dim() == key.dim() && query.dim() == value.dim(), "attention: query ", query.sizes(), ", key ", key.sizes(), " and value ", value.sizes(),
              " differ in their number of axes");
  TORCH_CHECK(query.size(-1) == key.size(-1) && key.size(-2) == value.size(-2), "attention: query ", query.sizes(), ", key ", key.sizes(), " and value ", value.sizes(), " do not fit");
}

/** The kernel behind the above, asked for by name: it broadcasts nothing and divides by the number of its blocks. */
void fusedAttention(const Stack& arguments) {
  attention(arguments);
  const auto query = arguments[0].toTensor(), key = arguments[1].toTensor(), value = arguments[2].toTensor();
  TORCH_CHECK(query.dim() == 4 && key.sizes() == value.sizes() && query.size(0) == key.size(0) && query.size(1) == key.size(1), "attention: query ", query.sizes(), ", key ", key.sizes(),
              " and value ", value.sizes(), " do not fit");
  TORCH_CHECK(query.is_meta() || (query.numel() > 0 && key.numel() > 0), "attention: query ", query.sizes(), " or key ", key.sizes(), " is empty");
}

/** libtorch walks gradients and momenta by the length and the type of the weights. */
void fusedSgd(const Stack& arguments) {
  const auto weights = arguments[0].toTensorVector(), gradients = arguments[1].toTensorVector(), momenta = arguments[2].toTensorVector();
  TORCH_CHECK(gradients.size() == weights.size() && (momenta.empty() || momenta.size() == weights.size()), "_fused_sgd_: lists differ in length");
  TORCH_CHECK(!momenta.empty() || arguments[4].toDouble() == 0, "_fused_sgd_: momentum without its buffers");
  const auto check = [](const at::Tensor& weight, const at::Tensor& each) {
    checkAlike(weight, each, "_fused_sgd_");
    TORCH_CHECK(each.sizes() == weight.sizes() && each.strides() == weight.strides() && each.is_non_overlapping_and_dense(), "_fused_sgd_: expected contiguous shape ", weight.sizes(), ", got ",
                each.sizes(), " with strides ", each.strides());
  };
  for (size_t i = 0; i < weights.size(); i++) {
    check(weights[i], gradients[i]);
    if (!momenta.empty()) check(weights[i], momenta[i]);
    checkAlike(weights[0], weights[i], "_fused_sgd_");
  }
}

/** The backward pass of a stride far beyond the image takes minutes: oneDNN fills the gaps one by one. */
void convolution(const Stack& arguments) {
  constexpr int64_t most = 1024;
  for (const size_t place : {3, 5}) {
    if (!arguments[place].isIntList()) continue;
    const auto lengths = arguments[place].toIntVector();
    for (const auto length : lengths) TORCH_CHECK(length <= most, "conv2d: expected stride and dilation of at most ", most, ", got ", lengths);
  }
}

}  // namespace

Guard guardFor(const std::string& name) {
  static const std::map<std::string, Guard> guards = {
      {"aten::scaled_dot_product_attention", attention},
      {"aten::_scaled_dot_product_flash_attention_for_cpu", fusedAttention},
      {"aten::_fused_sgd_", fusedSgd},
      {"aten::conv2d", convolution},
  };
  const auto found = guards.find(name);
  return found == guards.end() ? nullptr : found->second;
}

}  // namespace evergreen
