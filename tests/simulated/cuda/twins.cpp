// A device named cuda without a GPU: each of its storages has a twin on the CPU, the same memory, and every operator
// of torch that the CPU has a kernel for is computed on the twins. Autograd, autocast and the scaling of gradients are
// torch's own for CUDA. What a GPU refuses is refused: operands on two devices, and a generator of the CPU.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/SDPBackend.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/transformers/attention.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <array>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace at;
using Stack = torch::jit::Stack;

const Device HERE(kCUDA, 0);

// Memory

void forget(void* twin) {
  delete static_cast<Storage*>(twin);
}

// The memory of a storage of the CPU, as this device's: where other memory keeps what frees it, the twin is kept.
DataPtr take(const Storage& twin) {
  return DataPtr(twin.mutable_data(), new Storage(twin), &forget, HERE);
}

const Storage& find_twin(const Storage& storage) {
  return *static_cast<Storage*>(storage.data_ptr().get_context());
}

bool are_same(const Storage& one, const Storage& other) {
  return one.unsafeGetStorageImpl() == other.unsafeGetStorageImpl();
}

struct TwinAllocator final : Allocator {
  DataPtr allocate(size_t size) override {
    return take(Storage(Storage::use_byte_size_t(), size, GetCPUAllocator(), /*resizable=*/true));
  }
  void copy_data(void* target, const void* source, size_t size) const override {
    default_copy_data(target, source, size);
  }
};

TwinAllocator ALLOCATOR;
REGISTER_ALLOCATOR(DeviceType::CUDA, &ALLOCATOR)

// Random numbers

// Draws from a generator of the CPU; the device's own, from the CPU's own, so that both draw the same numbers.
struct TwinGenerator final : GeneratorImpl {
  Generator twin;

  explicit TwinGenerator(Generator twin) : GeneratorImpl(HERE, DispatchKeySet(DispatchKey::CUDA)), twin(twin) {}
  void set_current_seed(uint64_t seed) override { twin.set_current_seed(seed); }
  void set_offset(uint64_t offset) override { twin.unsafeGetGeneratorImpl()->set_offset(offset); }
  uint64_t get_offset() const override { return twin.unsafeGetGeneratorImpl()->get_offset(); }
  uint64_t current_seed() const override { return twin.current_seed(); }
  uint64_t seed() override { return twin.unsafeGetGeneratorImpl()->seed(); }
  void set_state(const TensorImpl& state) override { twin.unsafeGetGeneratorImpl()->set_state(state); }
  intrusive_ptr<TensorImpl> get_state() const override { return twin.unsafeGetGeneratorImpl()->get_state(); }
  GeneratorImpl* clone_impl() const override { return new TwinGenerator(twin.clone()); }
};

// Tensors

bool is_here(const Tensor& tensor) {
  return tensor.defined() && tensor.is_cuda();
}

// The tensors of one call, each with its twin.
class Twins {
 public:
  Tensor find(const Tensor& tensor) {
    if (!is_here(tensor)) {
      return tensor;
    }
    for (const Pair& pair : pairs) {
      if (pair.here.is_same(tensor)) {
        return pair.twin;
      }
    }
    TORCH_CHECK(tensor.layout() == kStrided, "the simulated device has strided tensors alone");
    auto twin = at::detail::make_tensor<TensorImpl>(
        Storage(find_twin(tensor.storage())), DispatchKeySet(DispatchKey::CPU), tensor.dtype());
    auto* impl = twin.unsafeGetTensorImpl();
    impl->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
    if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) {
      impl->set_wrapped_number(true);
    }
    pairs.push_back({tensor, twin});
    return twin;
  }

  std::optional<Tensor> find(const std::optional<Tensor>& tensor) {
    return tensor ? std::optional<Tensor>(find(*tensor)) : std::nullopt;
  }

  // The tensor of the device that a twin belongs to; nothing of the device where it was none's.
  std::optional<Tensor> find_owner(const Tensor& twin) {
    for (const Pair& pair : pairs) {
      if (pair.twin.is_same(twin)) {
        return pair.here;
      }
    }
    return std::nullopt;
  }

  // A tensor of the device for one of the CPU.
  Tensor wrap(const Tensor& twin) {
    if (!twin.defined()) {
      return twin;
    }
    if (auto owner = find_owner(twin)) {
      return *owner;
    }
    const Tensor base = find_base(twin.storage());
    // In inference mode what is new has no versions; a view has what its base has.
    auto here = base.defined()
        ? at::detail::make_tensor<TensorImpl>(TensorImpl::VIEW, Storage(base.storage()), base.key_set(), twin.dtype())
        : at::detail::make_tensor<TensorImpl>(
              build_storage(twin.storage()), DispatchKeySet(DispatchKey::CUDA), twin.dtype());
    here.unsafeGetTensorImpl()->set_sizes_and_strides(twin.sizes(), twin.strides(), twin.storage_offset());
    return here;
  }

  // What became of the twins in place: another shape, other memory.
  void follow() {
    for (const Pair& pair : pairs) {
      const Storage& twin = pair.twin.storage();
      auto* storage = pair.here.storage().unsafeGetStorageImpl();
      auto* impl = pair.here.unsafeGetTensorImpl();
      if (!are_same(find_twin(pair.here.storage()), twin)) {
        const Tensor base = find_base(twin);
        impl->set_storage_keep_dtype(base.defined() ? base.storage() : build_storage(twin));
      } else if (storage->data() != twin.data() || storage->nbytes() != twin.nbytes()) {
        storage->set_data_ptr_noswap(take(twin));
        storage->set_nbytes(twin.nbytes());
      }
      const bool is_as_it_was = pair.here.sizes() == pair.twin.sizes() &&
          pair.here.strides() == pair.twin.strides() && pair.here.storage_offset() == pair.twin.storage_offset();
      if (!is_as_it_was) {
        impl->set_sizes_and_strides(pair.twin.sizes(), pair.twin.strides(), pair.twin.storage_offset());
      }
    }
  }

 private:
  struct Pair {
    Tensor here;
    Tensor twin;
  };
  std::vector<Pair> pairs;

  // The tensor into whose memory a twin looks; undefined where the memory is new.
  Tensor find_base(const Storage& twin) const {
    for (const Pair& pair : pairs) {
      if (are_same(find_twin(pair.here.storage()), twin)) {
        return pair.here;
      }
    }
    return Tensor();
  }

  static Storage build_storage(const Storage& twin) {
    return Storage(Storage::use_byte_size_t(), twin.nbytes(), take(twin), &ALLOCATOR, twin.resizable());
  }
};

// Operators

// They move data, or take indices from either side.
const std::set<std::string> MAY_MIX = {
    "aten::copy_", "aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"};
// They take a single number from the CPU, as do those that work element by element.
const std::set<std::string> TAKE_NUMBERS = {"aten::fill", "aten::fill_", "aten::masked_fill", "aten::masked_fill_"};

// Where the operands of one call are.
class Places {
 public:
  Places(const OperatorHandle& op, const Stack& stack) : op(op) {
    const auto& arguments = op.schema().arguments();
    const size_t first = stack.size() - arguments.size();
    for (size_t number = 0; number < arguments.size(); number++) {
      const AliasInfo* alias = arguments[number].alias_info();
      look_at(stack[first + number], alias != nullptr && alias->isWrite());
    }
  }

  void check() const {
    const std::string& name = op.schema().name();
    if (any_here && !MAY_MIX.count(name)) {
      const bool takes_numbers = (op.hasTag(Tag::pointwise) || TAKE_NUMBERS.count(name)) && !writes_elsewhere;
      for (const Tensor& tensor : elsewhere) {
        const bool is_pythons = tensor.unsafeGetTensorImpl()->is_wrapped_number();
        TORCH_CHECK(
            is_pythons || (takes_numbers && tensor.dim() == 0),
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (in ",
            name, ", a tensor of shape ", tensor.sizes(), ")");
      }
    }
    TORCH_CHECK(
        !lands_here() || !device_of_generator || device_of_generator->is_cuda(),
        "Expected a 'cuda' device type for generator but found 'cpu' (in ", name, ")");
  }

  bool lands_here() const {
    return device ? device->is_cuda() : any_here;
  }

  bool is_given(const Tensor& tensor) const {
    for (const Tensor& given : elsewhere) {
      if (given.is_same(tensor)) {
        return true;
      }
    }
    return false;
  }

 private:
  const OperatorHandle& op;
  std::vector<Tensor> elsewhere;
  bool any_here = false;
  bool writes_elsewhere = false;
  std::optional<Device> device;
  std::optional<Device> device_of_generator;

  void look_at(const IValue& value, bool is_written) {
    if (value.isTensor() && is_here(value.toTensor())) {
      any_here = true;
    } else if (value.isTensor() && value.toTensor().defined()) {
      elsewhere.push_back(value.toTensor());
      writes_elsewhere = writes_elsewhere || is_written;
    } else if (value.isList()) {
      for (const IValue& item : value.toListRef()) {
        look_at(item, is_written);
      }
    } else if (value.isDevice()) {
      device = value.toDevice();
    } else if (value.isGenerator()) {
      device_of_generator = value.toGenerator().device();
    }
  }
};

IValue to_cpu(const IValue& value, Twins& twins) {
  if (value.isTensor()) {
    return twins.find(value.toTensor());
  }
  if (value.isTensorList()) {
    c10::List<Tensor> found;
    for (const Tensor& tensor : value.toTensorVector()) {
      found.push_back(twins.find(tensor));
    }
    return found;
  }
  if (value.isList() && value.toList().elementType()->kind() == c10::TypeKind::OptionalType) {
    c10::List<std::optional<Tensor>> found;
    for (const IValue& item : value.toListRef()) {
      found.push_back(item.isNone() ? std::nullopt : std::optional<Tensor>(twins.find(item.toTensor())));
    }
    return found;
  }
  if (value.isDevice() && value.toDevice().is_cuda()) {
    return Device(kCPU);
  }
  if (value.isStorage() && value.toStorage().device().is_cuda()) {
    return find_twin(value.toStorage());
  }
  if (value.isGenerator() && value.toGenerator().device().is_cuda()) {
    return value.toGenerator().get<TwinGenerator>()->twin;
  }
  return value;
}

IValue to_device(const IValue& value, Twins& twins, const Places& places) {
  if (value.isTensor()) {
    const Tensor& tensor = value.toTensor();
    if (auto owner = twins.find_owner(tensor)) {
      return *owner;
    }
    return places.lands_here() && !places.is_given(tensor) ? twins.wrap(tensor) : tensor;
  }
  if (value.isTensorList()) {
    c10::List<Tensor> found;
    for (const Tensor& tensor : value.toTensorVector()) {
      found.push_back(to_device(tensor, twins, places).toTensor());
    }
    return found;
  }
  return value;
}

void compute_on_twins(const OperatorHandle& op, Stack* stack) {
  const Places places(op, *stack);
  places.check();
  Twins twins;
  for (size_t index = stack->size() - op.schema().arguments().size(); index < stack->size(); index++) {
    (*stack)[index] = to_cpu((*stack)[index], twins);
  }
  {
    AutoDispatchBelowADInplaceOrView below_autograd;
    op.redispatchBoxed(DispatchKeySet(DispatchKey::CPU), stack);
  }
  twins.follow();
  for (size_t index = stack->size() - op.schema().returns().size(); index < stack->size(); index++) {
    (*stack)[index] = to_device((*stack)[index], twins, places);
  }
}

// Operators that are others than the CPU's

// A GPU casts half-precision numbers for their softmax itself; the CPU wants them cast before.
template <Tensor (*COMPUTE)(const Tensor&, int64_t, bool)>
Tensor compute_softmax(const Tensor& input, int64_t dim, bool half_to_float) {
  Twins twins;
  const Tensor twin = twins.find(input);
  return twins.wrap(COMPUTE(half_to_float ? twin.to(kFloat) : twin, dim, false));
}

template <Tensor (*COMPUTE)(const Tensor&, const Tensor&, int64_t, ScalarType)>
Tensor compute_softmax_backward(const Tensor& gradient, const Tensor& output, int64_t dim, ScalarType type) {
  Twins twins;
  const Tensor result = COMPUTE(twins.find(gradient), twins.find(output), dim, gradient.scalar_type());
  return twins.wrap(result.to(type));
}

void check_attention(const Tensor& query, const Tensor& key, const Tensor& value, const std::optional<Tensor>& mask) {
  const bool all_here = is_here(query) && is_here(key) && is_here(value) && (!mask || is_here(*mask));
  TORCH_CHECK(all_here, "Expected all tensors to be on the same device, but found some of an attention on the CPU");
}

// Where the CPU has a fused attention, the operator that torch offers to other devices takes it.
int64_t choose_attention(
    const Tensor& query, const Tensor& key, const Tensor& value, const std::optional<Tensor>& mask, double dropout,
    bool is_causal, std::optional<double> scale, bool is_grouped) {
  check_attention(query, key, value, mask);
  Twins twins;
  std::vector<Tensor> found;
  for (const Tensor& tensor : {query, key, value}) {
    found.push_back(twins.find(tensor).detach().requires_grad_(tensor.requires_grad()));
  }
  auto found_mask = twins.find(mask);
  if (found_mask) {
    found_mask = found_mask->detach().requires_grad_(mask->requires_grad());
  }
  const auto chosen = static_cast<SDPBackend>(
      at::_fused_sdp_choice(found[0], found[1], found[2], found_mask, dropout, is_causal, scale, is_grouped));
  return static_cast<int64_t>(chosen == SDPBackend::flash_attention ? SDPBackend::overrideable : chosen);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, SymInt, SymInt, Tensor, Tensor, Tensor> attend(
    const Tensor& query, const Tensor& key, const Tensor& value, const std::optional<Tensor>& mask, double dropout,
    bool is_causal, bool, std::optional<double> scale) {
  check_attention(query, key, value, mask);
  Twins twins;
  auto computed = at::_scaled_dot_product_flash_attention_for_cpu(
      twins.find(query), twins.find(key), twins.find(value), dropout, is_causal, twins.find(mask), scale);
  Tensor none;
  return {
      twins.wrap(std::get<0>(computed)), twins.wrap(std::get<1>(computed)), none, none, query.sym_size(2),
      key.sym_size(2), none, none, none};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> attend_backward(
    const Tensor& gradient, const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask,
    std::array<bool, 4>, const Tensor& output, const Tensor& logsumexp, const Tensor&, const Tensor&, SymInt, SymInt,
    double dropout, bool is_causal, const Tensor&, const Tensor&, std::optional<double> scale) {
  Twins twins;
  const std::optional<Tensor> found_mask = mask.defined() ? std::optional<Tensor>(twins.find(mask)) : std::nullopt;
  auto computed = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      twins.find(gradient), twins.find(query), twins.find(key), twins.find(value), twins.find(output),
      twins.find(logsumexp), dropout, is_causal, found_mask, scale);
  return {
      twins.wrap(std::get<0>(computed)), twins.wrap(std::get<1>(computed)), twins.wrap(std::get<2>(computed)),
      Tensor()};
}

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("_softmax", &compute_softmax<at::_softmax>);
  library.impl("_log_softmax", &compute_softmax<at::_log_softmax>);
  library.impl("_softmax_backward_data", &compute_softmax_backward<at::_softmax_backward_data>);
  library.impl("_log_softmax_backward_data", &compute_softmax_backward<at::_log_softmax_backward_data>);
  library.impl("_scaled_dot_product_fused_attention_overrideable", &attend);
  library.impl("_scaled_dot_product_fused_attention_overrideable_backward", &attend_backward);
  // All others, even where torch would put one together from several: the CPU does not.
  auto& dispatcher = Dispatcher::singleton();
  for (const auto& name : dispatcher.getAllOpNames()) {
    const auto op = dispatcher.findSchema(name);
    const bool is_aten = name.name.rfind("aten::", 0) == 0;
    if (!is_aten || !op || op->hasKernelForDispatchKey(DispatchKey::CUDA)) {
      continue;
    }
    if (op->hasKernelForDispatchKey(DispatchKey::CPU) || name.name == "aten::copy_") {
      const std::string full = name.overload_name.empty() ? name.name : name.name + "." + name.overload_name;
      library.impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&compute_on_twins>());
    }
  }
}

// The device

struct Guard final : c10::impl::DeviceGuardImplInterface {
  DeviceType type() const override { return kCUDA; }
  Device exchangeDevice(Device) const override { return HERE; }
  Device getDevice() const override { return HERE; }
  void setDevice(Device) const override {}
  void uncheckedSetDevice(Device) const noexcept override {}
  Stream getStream(Device) const override { return Stream(Stream::DEFAULT, HERE); }
  Stream getDefaultStream(Device) const override { return getStream(HERE); }
  Stream exchangeStream(Stream) const override { return getStream(HERE); }
  DeviceIndex deviceCount() const noexcept override { return 1; }
  // All is done when a call returns, so that events are never waited for.
  void record(void**, const Stream&, const DeviceIndex, const EventFlag) const override {}
  void block(void*, const Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const Stream&) const override { return true; }
  void synchronizeStream(const Stream&) const override {}
  void synchronizeEvent(void*) const override {}
  void synchronizeDevice(const DeviceIndex) const override {}
  void recordDataPtrOnStream(const DataPtr&, const Stream&) const override {}
  void destroyEvent(void*, const DeviceIndex) const noexcept override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

}  // namespace

namespace at::native {

REGISTER_CUDA_DISPATCH(_fused_sdp_choice_stub, &choose_attention)

}  // namespace at::native

namespace at {

// torch looks for hooks of this name.
struct CUDAHooks final : CUDAHooksInterface {
  explicit CUDAHooks(CUDAHooksArgs) {}
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasCUDA() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  int getNumGPUs() const override { return 1; }
  DeviceIndex deviceCount() const override { return 1; }
  DeviceIndex current_device() const override { return 0; }
  DeviceIndex getCurrentDevice() const override { return 0; }
  Device getDeviceFromPtr(void*) const override { return HERE; }
  Allocator* getCUDADeviceAllocator() const override { return &ALLOCATOR; }
  Allocator* getPinnedMemoryAllocator() const override { return GetCPUAllocator(); }
  void deviceSynchronize(DeviceIndex) const override {}
  Generator getNewGenerator(DeviceIndex) const override {
    return make_generator<TwinGenerator>(at::detail::createCPUGenerator());
  }
  const Generator& getDefaultGenerator(DeviceIndex) const override {
    static const Generator own = make_generator<TwinGenerator>(at::detail::getDefaultCPUGenerator());
    return own;
  }
};
REGISTER_CUDA_HOOKS(CUDAHooks)

}  // namespace at
