using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>What Plug and Play keeps of a device.</summary>
/// <param name="Address">Address of its DEVICE_NODE.</param>
/// <param name="InstancePath">Such as <c>PCI\VEN_8086&amp;DEV_9D03\3&amp;11583659</c>; null where not recorded. Text from the dump.</param>
/// <param name="Service">The service of its driver; null where not recorded. Text from the dump.</param>
internal sealed record DeviceNode(ulong Address, string? InstancePath, string? Service);

/// <summary>Reads stacks of devices, whose driver each device is, and what Plug and Play knows of the lowest.</summary>
internal sealed class DeviceStackReader
{
    private readonly WindowsSystem _system;
    private readonly DeviceReader _devices;
    private readonly FieldSlot _extension, _node, _instancePath, _service;

    public DeviceStackReader(WindowsSystem system)
    {
        _system = system;
        _devices = new DeviceReader(system.Session);
        KernelTypes types = system.Session.Types;
        _extension = types.Get("_DEVICE_OBJECT").Optional("DeviceObjectExtension");
        _node = types.Get("_DEVOBJ_EXTENSION").Optional("DeviceNode");
        _instancePath = types.Get("_DEVICE_NODE").Optional("InstancePath");
        _service = types.Get("_DEVICE_NODE").Optional("ServiceName");
    }

    /// <summary>The devices of the stack that a device is in, highest first; empty where it is not in the dump.</summary>
    public IReadOnlyList<ulong> Read(ulong device)
    {
        if (_devices.Describe(device).DriverObject == 0)
            return [];
        List<ulong> stack = [device];
        for (ulong at = _devices.Higher(device); at != 0 && stack.Count < Limits.DevicesPerStack && !stack.Contains(at); at = _devices.Higher(at))
            stack.Insert(0, at);
        for (ulong at = _devices.Lower(device); at != 0 && stack.Count < Limits.DevicesPerStack && !stack.Contains(at); at = _devices.Lower(at))
            stack.Add(at);
        return stack;
    }

    /// <summary>The device that a device is attached to; 0 for the lowest.</summary>
    public ulong Below(ulong device) => _devices.Lower(device);

    /// <summary>The driver of a device by its object's name, such as <c>\Driver\disk</c>; null where not in the dump.</summary>
    public string? DriverName(ulong device) => _devices.Describe(device).DriverName;

    /// <summary>
    /// The image of a device's driver: by where its driver object says that it begins, or else by the driver's name. Null where
    /// neither leads to a module.
    /// </summary>
    public ModuleFacts? DriverModule(ulong device) => ModuleOf(_devices.Describe(device));

    /// <summary>The image of a driver object.</summary>
    public ModuleFacts? ModuleOf(DeviceDescription device)
    {
        if (device.DriverStart != 0 && _system.FindModule(device.DriverStart) is { } module)
            return module;
        string? name = device.DriverName?[(device.DriverName.LastIndexOf('\\') + 1)..];
        if (string.IsNullOrEmpty(name))
            return null;
        foreach (TargetModule candidate in _system.Target.KernelModules)
            if (candidate.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                return _system.DescribeModule(candidate);
        return null;
    }

    /// <summary>What Plug and Play knows of the lowest device of a stack; null where nothing is recorded.</summary>
    public DeviceNode? Node(ulong physicalDevice)
    {
        IMemory memory = _system.Session.Memory;
        if (!_extension.IsPresent || !_node.IsPresent || !_system.Session.IsObject(physicalDevice)
            || !memory.TryReadPointer(physicalDevice + (ulong)_extension.Offset, out ulong extension)
            || !_system.Session.IsObject(extension)
            || !memory.TryReadPointer(extension + (ulong)_node.Offset, out ulong node) || !_system.Session.IsObject(node))
            return null;
        return new DeviceNode(node, Text(node, _instancePath), Text(node, _service));
    }

    private string? Text(ulong node, FieldSlot field) =>
        field.IsPresent ? UnicodeStrings.Read(_system.Session.Memory, node + (ulong)field.Offset) : null;
}
