// Counts work where libtorch dispatches it, so that a backward pass is counted by what it really does.
#include "meter.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <vector>

#include "tensor-table.h"

namespace evergreen {

namespace {

using c10::IValue;
using Shapes = std::vector<std::vector<int64_t>>;

double sizeOf(const std::vector<int64_t>& shape) {
  double product = 1;
  for (auto length : shape) product *= static_cast<double>(length);
  return product;
}

const at::Tensor* tensorAt(c10::ArrayRef<const IValue> inputs, size_t index) {
  return index < inputs.size() && inputs[index].isTensor() && inputs[index].toTensor().defined() ? &inputs[index].toTensor() : nullptr;
}

std::vector<int64_t> shapeAt(c10::ArrayRef<const IValue> inputs, size_t index) {
  const auto* found = tensorAt(inputs, index);
  return found ? found->sizes().vec() : std::vector<int64_t>();
}

// One multiply-add is two operations. Each rule gives what a call costs, from its inputs and the entries of its result.
using Rule = double (*)(c10::ArrayRef<const IValue> inputs, double resultSize);

template <size_t First>
double product(c10::ArrayRef<const IValue> inputs, double) {
  const auto left = shapeAt(inputs, First), right = shapeAt(inputs, First + 1);
  return left.empty() || right.empty() ? 0 : 2 * sizeOf(left) * static_cast<double>(right.size() > 1 ? right.back() : 1);
}

/** x [..., K] with weight [N, K]. */
double linearProduct(c10::ArrayRef<const IValue> inputs, double) {
  const auto x = shapeAt(inputs, 0), weight = shapeAt(inputs, 1);
  return x.empty() || weight.empty() ? 0 : 2 * sizeOf(x) * static_cast<double>(weight[0]);
}

/** 2 · entries of the result · entries of one output channel's kernel. */
double convolution(c10::ArrayRef<const IValue> inputs, double resultSize) {
  const auto weight = shapeAt(inputs, 1);
  return weight.empty() || weight[0] == 0 ? 0 : 2 * resultSize * sizeOf(weight) / static_cast<double>(weight[0]);
}

/** As much as the forward pass for each of the two gradients that is asked for. */
double convolutionBackward(c10::ArrayRef<const IValue> inputs, double) {
  const auto gradient = shapeAt(inputs, 0), weight = shapeAt(inputs, 2);
  if (weight.empty() || weight[0] == 0) return 0;
  const auto mask = inputs.back().toBoolList();
  const double asked = (mask.get(0) ? 1.0 : 0.0) + (mask.get(1) ? 1.0 : 0.0);
  return asked * 2 * sizeOf(gradient) * sizeOf(weight) / static_cast<double>(weight[0]);
}

/** `Products` products of 2·L·S·d a head, q [B, heads, L, d] at `First` and k [B, heads, S, d] after it; a causal mask is not credited. */
template <size_t First, int Products>
double attention(c10::ArrayRef<const IValue> inputs, double) {
  const auto query = shapeAt(inputs, First), key = shapeAt(inputs, First + 1);
  return query.size() < 3 || key.size() < 3 ? 0 : Products * 2 * sizeOf(query) * static_cast<double>(key[key.size() - 2]);
}

Rule ruleFor(const std::string& name) {
  static const std::map<std::string, Rule> rules = {
      {"aten::mm", product<0>},
      {"aten::bmm", product<0>},
      {"aten::mv", product<0>},
      {"aten::dot", product<0>},
      {"aten::vdot", product<0>},
      {"aten::addmm", product<1>},
      {"aten::addmm_", product<1>},
      {"aten::_addmm_activation", product<1>},
      {"aten::baddbmm", product<1>},
      {"aten::baddbmm_", product<1>},
      {"aten::addbmm", product<1>},
      {"aten::addmv", product<1>},
      {"mkldnn::_linear_pointwise", linearProduct},
      {"evergreen::add_sample_products_", product<1>},
      {"aten::convolution", convolution},
      {"aten::convolution_backward", convolutionBackward},
  };
  const auto found = rules.find(name);
  if (found != rules.end()) return found->second;
  // The fused kernels of every device; the decomposed form is counted by its own products.
  if (name.starts_with("aten::_scaled_dot_product_") && !name.starts_with("aten::_scaled_dot_product_attention_math"))
    return name.ends_with("_backward") ? attention<1, 5> : attention<0, 2>;
  return nullptr;
}

struct Call {
  std::string name;
  Shapes shapes;
  double count = 0, flops = 0, elements = 0;
};

struct Meter {
  std::map<std::string, size_t> places;
  std::vector<Call> calls;
  int products = 0, others = 0;  // operators being counted that enclose the present one
  bool recomputes = false;
  double recomputed = 0;
  at::CallbackHandle handle = 0;
};
thread_local std::unique_ptr<Meter> active;

/** What is remembered of an operator between its begin and its end. */
struct Frame final : at::ObserverContext {
  enum class Role { none, product, other } role = Role::none;
  std::string name;
  Shapes shapes;
  Rule rule = nullptr;
  std::vector<IValue> inputs;
  double elements = 0;
};

double entries(const IValue& value, Shapes* shapes) {
  if (value.isTensor()) {
    if (!value.toTensor().defined()) return 0;
    if (shapes) shapes->push_back(value.toTensor().sizes().vec());
    return static_cast<double>(value.toTensor().numel());
  }
  double sum = 0;
  if (value.isTensorList())
    for (const at::Tensor& each : value.toTensorList()) sum += entries(IValue(each), shapes);
  return sum;
}

/** True for what moves no data: views, and room that is not filled. */
bool isFree(const std::string& name, const c10::FunctionSchema& schema) {
  if (name.starts_with("aten::empty") || name.starts_with("aten::new_empty") || name == "aten::_unsafe_view" || name == "aten::resize_" || name == "aten::_local_scalar_dense" ||
      name == "aten::_fused_sdp_choice")
    return true;
  return !schema.returns().empty() && std::all_of(schema.returns().begin(), schema.returns().end(),
                                                 [](const c10::Argument& each) { return each.alias_info() != nullptr && !each.alias_info()->isWrite(); });
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
  auto frame = std::make_unique<Frame>();
  const auto name = function.operator_name();
  if (!active || !name || active->products > 0) return frame;
  frame->rule = ruleFor(name->name);
  if (frame->rule == nullptr) {
    const auto handle = c10::Dispatcher::singleton().findOp(*name);
    if (active->others > 0 || !handle || !handle->hasSchema() || isFree(name->name, handle->schema())) return frame;
    // Composites are counted by what they call; our own passes over memory are not made of libtorch's operators.
    if (handle->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd) && name->name != "evergreen::adamw_" && name->name != "evergreen::global_norm") return frame;
  }
  frame->role = frame->rule ? Frame::Role::product : Frame::Role::other;
  frame->name = name->name;
  (frame->rule ? active->products : active->others)++;
  for (const auto& input : function.inputs()) frame->elements = std::max(frame->elements, entries(input, &frame->shapes));
  if (frame->rule) frame->inputs.assign(function.inputs().begin(), function.inputs().end());
  return frame;
}

void end(const at::RecordFunction& function, at::ObserverContext* context) {
  auto* frame = static_cast<Frame*>(context);
  if (!active || frame == nullptr || frame->role == Frame::Role::none) return;
  (frame->rule ? active->products : active->others)--;
  double resultSize = 0;
  for (const auto& output : function.outputs()) resultSize = std::max(resultSize, entries(output, nullptr));
  std::ostringstream key;
  key << frame->name;
  for (const auto& shape : frame->shapes) {
    key << '|';
    for (auto length : shape) key << length << ',';
  }
  const double flops = frame->rule ? frame->rule(c10::ArrayRef<const IValue>(frame->inputs.data(), frame->inputs.size()), resultSize) : 0;
  // The same shapes can cost differently: a convolution's stride and mask are not among them.
  if (frame->rule) key << '=' << flops;
  const auto [place, fresh] = active->places.try_emplace(key.str(), active->calls.size());
  if (fresh) active->calls.push_back({frame->name, frame->shapes});
  auto& call = active->calls[place->second];
  call.count++;
  if (frame->rule) call.flops += flops;
  if (active->recomputes) active->recomputed += flops;
  if (!frame->rule) call.elements += std::max(frame->elements, resultSize);
}

Napi::Value shapesOf(Napi::Env env, const Shapes& shapes) {
  auto list = Napi::Array::New(env, shapes.size());
  for (uint32_t i = 0; i < shapes.size(); i++) {
    auto lengths = Napi::Array::New(env, shapes[i].size());
    for (uint32_t j = 0; j < shapes[i].size(); j++) lengths.Set(j, Napi::Number::New(env, static_cast<double>(shapes[i][j])));
    list.Set(i, lengths);
  }
  return list;
}

}  // namespace

Napi::Value meterStart(const Napi::CallbackInfo& info) {
  if (active) throw EngineFailure("scope", "work is being metered already");
  active = std::make_unique<Meter>();
  active->handle = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end).needsInputs(true).needsOutputs(true).scopes({at::RecordScope::FUNCTION}));
  return info.Env().Undefined();
}

Napi::Value meterRecomputes(const Napi::CallbackInfo& info) {
  if (active) active->recomputes = info[0].ToBoolean();
  return info.Env().Undefined();
}

Napi::Value meterStop(const Napi::CallbackInfo& info) {
  if (!active) throw EngineFailure("scope", "nothing is being metered");
  at::removeCallback(active->handle);
  const auto meter = std::move(active);
  const auto env = info.Env();
  auto calls = Napi::Array::New(env, meter->calls.size());
  double flops = 0, elements = 0;
  for (uint32_t i = 0; i < meter->calls.size(); i++) {
    const auto& call = meter->calls[i];
    auto entry = Napi::Object::New(env);
    entry.Set("operator", call.name);
    entry.Set("shapes", shapesOf(env, call.shapes));
    entry.Set("count", Napi::Number::New(env, call.count));
    entry.Set("flops", Napi::Number::New(env, call.flops));
    entry.Set("elements", Napi::Number::New(env, call.elements));
    calls.Set(i, entry);
    flops += call.flops;
    elements += call.elements;
  }
  auto result = Napi::Object::New(env);
  result.Set("flops", Napi::Number::New(env, flops));
  result.Set("recomputed", Napi::Number::New(env, meter->recomputed));
  result.Set("elements", Napi::Number::New(env, elements));
  result.Set("calls", calls);
  return result;
}

}  // namespace evergreen
