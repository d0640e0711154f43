using HangAnalysis.DumpForge.Memory;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Unwinding;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>Walks the stacks of a forged system with the library's unwinder, from what lies in memory alone.</summary>
internal sealed class ForgedWalk(SystemBuilder system) : IUnwindImages
{
    private readonly Dictionary<ForgedModule, UnwindImage> _images = [];
    private ProcessBuilder? _process;

    public UnwindImage? Find(ulong address)
    {
        foreach (ForgedModule module in system.Modules.All)
            if (module.Contains(address))
            {
                if (!_images.TryGetValue(module, out UnwindImage? image))
                {
                    IMemory memory = new SpaceMemory(module.IsUser ? _process!.Space : system.Kernel);
                    uint size = module.Image!.SizeOfImage;
                    image = UnwindImage.Load(module.Base, size, new MemoryImageBytes(memory, module.Base, size));
                    _images.Add(module, image);
                }
                return image;
            }
        return null;
    }

    /// <summary>Stack pointers and addresses of a thread's frames, kernel and user mode.</summary>
    public List<(ulong StackPointer, ulong Address)> Walk(ThreadBuilder thread)
    {
        _process = thread.Process;
        CpuContext context = Start(thread);
        List<(ulong, ulong)> found = [];
        SpaceMemory memory = new(thread.Process.Space);
        RawFrame[] frames = new RawFrame[128];
        WalkEnd end;
        do
        {
            int count = StackWalker.Walk(context, memory, this, frames, out end);
            for (int i = 0; i < count; i++)
                found.Add((frames[i].StackPointer, frames[i].InstructionPointer));
            context = end.Context;
        }
        while (end.Reason == WalkEndReason.UserModeReached);
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.End), $"thread {thread.Tid:x} at {end.Address:x}");
        return found;
    }

    /// <summary>Addresses of a thread's frames up to the first in user mode, of which no image is known.</summary>
    public List<ulong> WalkToNowhere(ThreadBuilder thread)
    {
        _process = thread.Process;
        RawFrame[] frames = new RawFrame[128];
        int count = StackWalker.Walk(Start(thread), new SpaceMemory(thread.Process.Space), this, frames, out WalkEnd end);
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.UserModeReached), $"thread {thread.Tid:x} at {end.Address:x}");
        return [.. frames.Take(count).Select(frame => frame.InstructionPointer), end.Context.InstructionPointer];
    }

    private CpuContext Start(ThreadBuilder thread)
    {
        foreach (ProcessorState processor in system.ProcessorStates)
            if (processor.Current == thread)
                return CpuContext.FromContextRecord(processor.Context);
        ulong stack = thread.Struct.Get("Tcb.KernelStack");
        CpuContext context = new()
        {
            StackPointer = stack + 0x40,
            InstructionPointer = system.Kernel.ReadUInt64(stack + 0x38),
        };
        context.Registers[CpuContext.Rbp] = system.Kernel.ReadUInt64(stack + 0x30);
        return context;
    }
}

/// <summary>A forged address space as the library reads memory.</summary>
internal sealed class SpaceMemory(AddressSpace space) : IMemory
{
    public int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length && space.Translate(address + (ulong)done) is { } physical)
        {
            int at = (int)(physical & 0xfff), count = Math.Min(buffer.Length - done, PhysicalMemory.PageSize - at);
            space.Memory.PageAt(physical >> 12).AsSpan(at, count).CopyTo(buffer[done..]);
            done += count;
        }
        return done;
    }
}
