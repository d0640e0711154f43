using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>One line on a structure at an address: what a debugger shows beside it.</summary>
/// <remarks>
/// A debugger asks for this while it prints a structure, perhaps a hundred times. So nothing is swept: each line costs the
/// reads of the structure and of the threads that it names.
/// </remarks>
public sealed class StructureLines
{
    private readonly KernelSession _session;
    private readonly ThreadReader _threads;
    private readonly ProcessReader _processes;
    private readonly ResourceReader _resources;
    private readonly AlpcReader _messages;

    /// <summary>Prepares for a target; reads types and nothing else.</summary>
    public StructureLines(ITarget target)
    {
        _session = new KernelSession(target);
        _threads = new ThreadReader(_session, new SystemClock(_session));
        _processes = new ProcessReader(_session, _threads);
        _resources = new ResourceReader(_session, new DispatcherWaiters(_session));
        _messages = new AlpcReader(_session);
    }

    /// <summary>The structures that are known, by their names in the kernel's PDB.</summary>
    public static IReadOnlyList<string> Types { get; } =
        ["_ETHREAD", "_KTHREAD", "_EPROCESS", "_KPROCESS", "_ERESOURCE", "_KALPC_MESSAGE"];

    /// <summary>The line for a structure; null where the address holds none, or the type is not known.</summary>
    public string? Describe(string type, ulong address)
    {
        if (!_session.IsObject(address))
            return null;
        return type switch
        {
            "_ETHREAD" or "_KTHREAD" => ReadThread(address) is { } thread ? Describe(thread) : null,
            "_EPROCESS" or "_KPROCESS" => _processes.Read(address)?.Title,
            "_ERESOURCE" => _resources.Read(address) is { } resource ? Describe(resource) : null,
            "_KALPC_MESSAGE" => _messages.ReadMessage(address) is { } message ? Describe(message) : null,
            _ => null,
        };
    }

    private static string Describe(ThreadFacts thread)
    {
        string reason = thread.WaitReason is null ? "" : $" {thread.WaitReason}";
        string age = thread.Age is null ? "" : $" {AgeText.Format(thread.Age)}";
        return $"{thread.Process.Title} {thread.State}{reason}{age}";
    }

    private string Describe(Resource resource)
    {
        string owner = resource.Owners.Count switch
        {
            0 => "not owned",
            1 => $"owned {(resource.IsExclusive ? "exclusively" : "shared")} by {DescribeOwner(resource.Owners[0])}",
            _ => $"owned shared by {resource.Owners.Count:N0}, first {DescribeOwner(resource.Owners[0])}",
        };
        return resource.RecordedWaiters == 0 ? owner
            : $"{owner}; {resource.ExclusiveWaiters.Count:N0} exclusive and {resource.SharedWaiters.Count:N0} shared waiters";
    }

    private string Describe(in AlpcMessage message)
    {
        string waiter = message.WaitingThread == 0 ? "nobody waits for the reply"
            : $"{NameThread(message.WaitingThread)} waits for the reply";
        if (message.ServerThread != 0)
            return $"{waiter}; received by {NameThread(message.ServerThread)}";
        return _messages.ReadPort(message.PortQueue) is { OwnerProcess: not 0 } port
            && _processes.Read(port.OwnerProcess) is { } process
            ? $"{waiter}; queued at port {message.PortQueue:x16} of {process.Title}"
            : $"{waiter}; no receiver recorded";
    }

    /// <summary>Drivers may put any pointer there (ExSetResourceOwnerPointer): only a thread is called one.</summary>
    private string DescribeOwner(ulong owner) =>
        ReadThread(owner) is null ? $"{owner:x16}, which is no thread" : NameThread(owner);

    private string NameThread(ulong address) =>
        ReadThread(address) is { } thread ? $"thread {address:x16} of {thread.Process.Title}" : $"thread {address:x16}";

    private ThreadFacts? ReadThread(ulong address) =>
        _session.IsObject(address) && _threads.OwningProcess.IsPresent
        && _session.Memory.TryReadPointer(address + (ulong)_threads.OwningProcess.Offset, out ulong owner)
        && _processes.Read(owner) is { } process
            ? _threads.Read(address, process)
            : null;
}
