#include "operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include <algorithm>
#include <cmath>

#include "arguments.h"
#include "guards.h"
#include "tensor-table.h"

namespace evergreen {

namespace {

using c10::IValue;
using c10::TypeKind;

struct Resolved {
  c10::OperatorHandle operation;
  Guard guard;
};
std::vector<Resolved>& resolved() {
  static auto* list = new std::vector<Resolved>();
  return *list;
}

[[noreturn]] void wrong(const c10::Argument& argument, const std::string& got) {
  throw EngineFailure("argument", "argument \"" + argument.name() + "\": expected " + argument.real_type()->str() + ", got " + got);
}

std::string describe(const Napi::Value& value) {
  if (value.IsNull() || value.IsUndefined()) return "nothing";
  if (value.IsArray()) return "a list";
  if (value.IsNumber()) return "number " + value.ToString().Utf8Value();
  if (value.IsString()) return "string \"" + value.ToString().Utf8Value().substr(0, 40) + "\"";
  if (value.IsBoolean()) return value.ToBoolean().Value() ? "true" : "false";
  return "an object";
}

int64_t integer(const Napi::Value& value, const c10::Argument& argument) {
  if (!value.IsNumber()) wrong(argument, describe(value));
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(std::abs(number) <= 9007199254740992.0) || std::floor(number) != number) wrong(argument, describe(value));
  return static_cast<int64_t>(number);
}

/** Whether a number is a code of the enumeration that the argument takes, if it takes one: libtorch indexes tables by these codes unchecked. */
bool isCode(int64_t number, const c10::Argument& argument) {
  auto type = argument.real_type();
  if (type->kind() == TypeKind::OptionalType) type = type->castRaw<c10::OptionalType>()->getElementType();
  const auto below = [number](auto options) { return number >= 0 && number < static_cast<int64_t>(options); };
  switch (type->kind()) {
    case TypeKind::ScalarTypeType:
      return std::any_of(dtypes().begin(), dtypes().end(), [number](const auto& each) { return static_cast<int64_t>(each.second) == number; });
    case TypeKind::LayoutType:
      return below(at::Layout::NumOptions);
    case TypeKind::MemoryFormatType:
      return below(at::MemoryFormat::NumOptions);
    default:
      return true;
  }
}

double real(const Napi::Value& value, const c10::Argument& argument) {
  if (!value.IsNumber()) wrong(argument, describe(value));
  return value.As<Napi::Number>().DoubleValue();
}

/** Whole numbers stay integers, as in Python: an integer tensor plus 1 is an integer tensor. A fraction, or { float: x }, is a float. */
c10::Scalar scalar(const Napi::Value& value, const c10::Argument& argument) {
  if (value.IsBoolean()) return c10::Scalar(value.ToBoolean().Value());
  if (value.IsObject() && value.As<Napi::Object>().Has("float")) return c10::Scalar(real(value.As<Napi::Object>().Get("float"), argument));
  const double number = real(value, argument);
  if (std::floor(number) == number && std::abs(number) < 9007199254740992.0) return c10::Scalar(static_cast<int64_t>(number));
  return c10::Scalar(number);
}

const at::Tensor& tensor(const Napi::Value& value, const c10::Argument& argument) {
  if (!value.IsNumber()) wrong(argument, describe(value));
  try {
    return tensors().get(value.As<Napi::Number>().DoubleValue());
  } catch (const EngineFailure& failure) {
    throw EngineFailure(failure.code, "argument \"" + argument.name() + "\": " + failure.what());
  }
}

IValue convert(const Napi::Value& value, const c10::TypePtr& type, const c10::Argument& argument);

IValue convertList(const Napi::Value& value, const c10::TypePtr& element, const c10::Argument& argument) {
  if (!value.IsArray()) wrong(argument, describe(value));
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  switch (element->kind()) {
    case TypeKind::TensorType: {
      c10::List<at::Tensor> list;
      for (uint32_t i = 0; i < length; i++) list.push_back(tensor(array.Get(i), argument));
      return list;
    }
    case TypeKind::IntType:
    case TypeKind::SymIntType: {
      c10::List<int64_t> list;
      for (uint32_t i = 0; i < length; i++) list.push_back(integer(array.Get(i), argument));
      return list;
    }
    case TypeKind::FloatType: {
      c10::List<double> list;
      for (uint32_t i = 0; i < length; i++) list.push_back(real(array.Get(i), argument));
      return list;
    }
    case TypeKind::BoolType: {
      c10::List<bool> list;
      for (uint32_t i = 0; i < length; i++) {
        if (!array.Get(i).IsBoolean()) wrong(argument, "a list with " + describe(array.Get(i)));
        list.push_back(array.Get(i).ToBoolean().Value());
      }
      return list;
    }
    case TypeKind::OptionalType: {
      const auto inner = element->castRaw<c10::OptionalType>()->getElementType();
      c10::impl::GenericList list(element);
      for (uint32_t i = 0; i < length; i++) list.push_back(convert(array.Get(i), element, argument));
      return list;
    }
    default:
      throw EngineFailure("unsupported", "argument \"" + argument.name() + "\": lists of " + element->str() + " are not supported");
  }
}

IValue convert(const Napi::Value& value, const c10::TypePtr& type, const c10::Argument& argument) {
  switch (type->kind()) {
    case TypeKind::OptionalType:
      if (value.IsNull() || value.IsUndefined()) return IValue();
      return convert(value, type->castRaw<c10::OptionalType>()->getElementType(), argument);
    case TypeKind::TensorType:
      return tensor(value, argument);
    case TypeKind::NumberType:
      return scalar(value, argument);
    case TypeKind::IntType:
    case TypeKind::SymIntType: {
      const int64_t number = integer(value, argument);
      if (!isCode(number, argument)) wrong(argument, describe(value));
      return number;
    }
    case TypeKind::FloatType:
      return real(value, argument);
    case TypeKind::BoolType:
      if (!value.IsBoolean()) wrong(argument, describe(value));
      return value.ToBoolean().Value();
    case TypeKind::StringType:
      if (!value.IsString()) wrong(argument, describe(value));
      return value.ToString().Utf8Value();
    case TypeKind::DeviceObjType:
      if (!value.IsString()) wrong(argument, describe(value));
      return c10::Device(value.ToString().Utf8Value());
    case TypeKind::ListType:
      return convertList(value, type->castRaw<c10::ListType>()->getElementType(), argument);
    default:
      throw EngineFailure("unsupported", "argument \"" + argument.name() + "\": type " + type->str() + " is not supported");
  }
}

Napi::Value give(Napi::Env env, const IValue& value) {
  if (value.isNone()) return env.Null();
  if (value.isTensor()) return value.toTensor().defined() ? Napi::Value(Napi::Number::New(env, tensors().add(value.toTensor()))) : env.Null();
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isInt()) return Napi::Number::New(env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isScalar()) return Napi::Number::New(env, value.toScalar().toDouble());
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isList()) {
    const auto list = value.toListRef();
    auto array = Napi::Array::New(env, list.size());
    for (uint32_t i = 0; i < list.size(); i++) array.Set(i, give(env, list[i]));
    return array;
  }
  if (value.isDevice()) return Napi::String::New(env, value.toDevice().str());
  throw EngineFailure("unsupported", "a result of type " + std::string(value.tagKind()) + " is not supported");
}

}  // namespace

Napi::Value resolveOperator(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const std::string name = info[0].ToString();
  const std::string overload = info[1].ToString();
  const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!found) throw EngineFailure("unknown-operator", "no operator is named " + name + (overload.empty() ? "" : "." + overload));
  resolved().push_back({*found, guardFor(name)});
  const auto& schema = found->schema();
  auto result = Napi::Object::New(env);
  result.Set("id", Napi::Number::New(env, static_cast<double>(resolved().size() - 1)));
  auto arguments = Napi::Array::New(env);
  uint32_t count = 0;
  for (const auto& argument : schema.arguments()) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", argument.name());
    entry.Set("type", argument.real_type()->str());
    entry.Set("optional", Napi::Boolean::New(env, argument.default_value().has_value()));
    arguments.Set(count++, entry);
  }
  result.Set("arguments", arguments);
  auto returns = Napi::Array::New(env);
  count = 0;
  for (const auto& value : schema.returns()) returns.Set(count++, Napi::String::New(env, value.real_type()->str()));
  result.Set("returns", returns);
  return result;
}

Napi::Value callOperator(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto id = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  if (id >= resolved().size()) throw EngineFailure("unknown-operator", "no such operator id");
  const auto& [operation, guard] = resolved()[id];
  const auto& schema = operation.schema();
  const auto given = info[1].As<Napi::Array>();
  const uint32_t length = given.Length();
  const auto& arguments = schema.arguments();
  if (length > arguments.size())
    throw EngineFailure("argument", "expected at most " + std::to_string(arguments.size()) + " arguments, got " + std::to_string(length));
  torch::jit::Stack stack;
  stack.reserve(arguments.size());
  for (uint32_t i = 0; i < arguments.size(); i++) {
    const Napi::Value value = i < length ? given.Get(i) : env.Undefined();
    if (value.IsUndefined() && arguments[i].default_value().has_value()) stack.push_back(*arguments[i].default_value());
    else stack.push_back(convert(value, arguments[i].type(), arguments[i]));
  }
  if (guard != nullptr) guard(stack);
  operation.callBoxed(stack);
  auto results = Napi::Array::New(env, stack.size());
  for (uint32_t i = 0; i < stack.size(); i++) results.Set(i, give(env, stack[i]));
  return results;
}

}  // namespace evergreen
